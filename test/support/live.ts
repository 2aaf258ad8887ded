import { type Client as SocketClient, createClient as createSocketClient } from 'graphql-ws'
import { type Client as StreamClient, createClient as createStreamClient } from 'graphql-sse'
import { once } from 'node:events'
import { WebSocket } from 'ws'
import { encodeCursor } from '../../src/lib/cursor.ts'
import { expectNoCanaries } from './canaries.ts'
import type { TestGateway } from './gateway.ts'

/** What a subscriber has been sent so far. */
export interface Subscriber<Data> {
  results: { data?: Data | null; errors?: readonly { message: string; extensions?: object }[] }[]
  /** The data alone, of results that are no errors. */
  readonly data: Data[]
  completed: boolean
  /** What the transport said when it broke, e.g. a CloseEvent. */
  failure: unknown
  unsubscribe(): void
}

type Transport = Pick<SocketClient | StreamClient, 'subscribe'>

export function subscribe<Data>(
  client: Transport,
  query: string,
  variables: Record<string, unknown> = {},
): Subscriber<Data> {
  const subscriber: Subscriber<Data> = {
    results: [],
    get data() {
      return this.results.flatMap(({ data }) => data ?? [])
    },
    completed: false,
    failure: undefined,
    unsubscribe: () => {},
  }
  const { results } = subscriber
  subscriber.unsubscribe = (client as StreamClient).subscribe<never>(
    { query, variables },
    {
      next(result) {
        expectNoCanaries(JSON.stringify(result), 'an event')
        results.push(result as (typeof results)[number])
      },
      error: (error) => (subscriber.failure = error),
      complete: () => (subscriber.completed = true),
    },
  )
  return subscriber
}

/** A client as the Studio has one; it connects when it is first used, and never again. */
export function socketClient(url: string, token: string): SocketClient & Disposable {
  const client = createSocketClient({
    url: url.replace('http', 'ws'),
    webSocketImpl: WebSocket,
    connectionParams: { authorization: `Bearer ${token}` },
    retryAttempts: 0,
  })
  return Object.assign(client, { [Symbol.dispose]: () => void client.dispose() })
}

/** The same over server-sent events. */
export function streamClient(url: string, token: string): StreamClient & Disposable {
  const headers = { authorization: `Bearer ${token}` }
  const client = createStreamClient({ url, headers, retryAttempts: 0 })
  return Object.assign(client, { [Symbol.dispose]: () => client.dispose() })
}

/** A socket without a client's manners. */
export interface BareSocket extends Disposable {
  socket: WebSocket
  received: { type: string; id?: string; payload?: unknown }[]
  send(message: object): void
  /** The code it was closed with. */
  closed: Promise<number>
}

export async function openBareSocket(
  url: string,
  headers: Record<string, string> = {},
): Promise<BareSocket> {
  const socket = new WebSocket(url.replace('http', 'ws'), 'graphql-transport-ws', { headers })
  const received: BareSocket['received'] = []
  socket.on('message', (data) =>
    received.push(JSON.parse((data as Buffer).toString()) as { type: string }),
  )
  const closed = once(socket, 'close').then(([code]) => code as number)
  await once(socket, 'open')
  socket.on('error', () => {})
  return {
    socket,
    received,
    closed,
    send: (message) => socket.send(JSON.stringify(message)),
    [Symbol.dispose]: () => socket.terminate(),
  }
}

/** The status of a refused upgrade. */
export async function refusedUpgrade(
  url: string,
  headers: Record<string, string>,
): Promise<number | undefined> {
  const socket = new WebSocket(url.replace('http', 'ws'), 'graphql-transport-ws', { headers })
  socket.on('error', () => {})
  const answered = once(socket, 'unexpected-response').then(
    ([, response]) => (response as { statusCode?: number }).statusCode,
  )
  const opened = once(socket, 'open').then(() => undefined)
  const status = await Promise.race([answered, opened])
  socket.terminate()
  return status
}

/** What makes `contentChanged` begin with the next change, whenever the subscriber is heard. */
export async function tokenOfNow(gateway: TestGateway, { id }: { id: string }): Promise<string> {
  const { rows } = await gateway.database.admin.query<{ sequence: string }>(
    `select sequence from tenant_feeds where tenant_id = $1`,
    [id],
  )
  return encodeCursor('contentChanged', [rows[0]?.sequence ?? '0', null])
}

const listeners = `from pg_stat_activity
  where application_name = 'content-gateway-events' and datname = current_database()`

/** How many instances listen for events. */
export async function countListeners(gateway: TestGateway): Promise<number> {
  const { rowCount } = await gateway.database.admin.query(`select pid ${listeners}`)
  return rowCount ?? 0
}

/** Cuts them off; answers how many there were. */
export async function cutListeners(gateway: TestGateway): Promise<number> {
  const { rowCount } = await gateway.database.admin.query(
    `select pg_terminate_backend(pid) ${listeners}`,
  )
  return rowCount ?? 0
}
