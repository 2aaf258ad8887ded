import { type Client, createClient } from 'graphql-ws'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { WebSocket } from 'ws'
import { quantile, tenths } from '../figures.ts'
import { ask, type Endpoint } from '../pages.ts'
import { type Program, startProgram } from '../program.ts'
import { gateway } from '../contenders.ts'
import type { Bench, Section, SectionResult } from '../section.ts'
import { renderTable } from '../table.ts'
import type { World } from '../world.ts'

const connections = 50
const watchersOfEach = 10
const watchers = connections * watchersOfEach
/** The gateway wakes a watcher five times a second at most; further apart, no change waits for that. */
const pauseMs = 400
const patienceMs = 10_000

/** How soon everybody who watches knows of a change. */
export const fanOut: Section = {
  name: 'fan-out',
  about: `${watchers} watchers of a tenant's contents, over ${connections} WebSockets`,
  run: measureFanOut,
}

/** Milliseconds from the commit of one change until so many of its events were there. */
interface Change {
  firstMs: number
  halfMs: number
  lastMs: number
}

async function measureFanOut(bench: Bench): Promise<SectionResult> {
  await using world = await bench.openWorld()
  await using program = await startProgram(gateway(world, 64))
  await using commits = await listenToCommits(world)
  using audience = await openAudience(program, world)
  const endpoint = { url: program.url, token: world.token }
  const contentId = await createContent(endpoint)
  await gather(audience, endpoint, contentId, bench)
  const changes: Change[] = []
  const count = bench.quick ? 25 : 200
  for (let index = 1; index <= count; index++) {
    bench.signal.throwIfAborted()
    await delay(pauseMs)
    const title = `Change ${index}`
    const [committedAt, times] = await Promise.all([
      commits.next(),
      audience.waitFor(title),
      changeTitle(endpoint, contentId, title),
    ])
    const after = times.map((at) => at - committedAt)
    changes.push({
      firstMs: quantile(after, 0),
      halfMs: quantile(after, 0.5),
      lastMs: quantile(after, 1),
    })
    if (index % 25 === 0) bench.progress(`fan-out: ${index}/${count} changes`)
  }
  return { table: render(changes), targets: [], figures: changes }
}

/** A change is committed when PostgreSQL tells who listens, this process among them. */
async function listenToCommits({ adminUrl, tenantId }: World) {
  const client = new pg.Client(adminUrl)
  await client.connect()
  await client.query('listen gateway_events')
  return {
    /** When the next commit was heard of, by the clock of `performance`. */
    next: () =>
      new Promise<number>((resolve) => {
        const hear = ({ payload }: pg.Notification) => {
          if (payload !== `contents:${tenantId}`) return
          client.off('notification', hear)
          resolve(performance.now())
        }
        client.on('notification', hear)
      }),
    [Symbol.asyncDispose]: () => client.end(),
  }
}

const watch = `subscription Watch { contentChanged { kind sequence content { id title status } } }`

interface Event {
  contentChanged: { content: { title: string } | null }
}

/** All watchers, and what they are told. */
async function openAudience({ url }: Program, { token }: World) {
  let awaited: { title: string; times: number[]; tell: (times: number[]) => void } | undefined
  const hear = (title: string | undefined) => {
    if (!awaited || title !== awaited.title) return
    awaited.times.push(performance.now())
    if (awaited.times.length === watchers) awaited.tell(awaited.times)
  }
  const failed = Promise.withResolvers<never>()
  failed.promise.catch(() => undefined)
  const clients: Client[] = []
  const watchAs = (client: Client) =>
    client.subscribe<Event>(
      { query: watch },
      {
        next: ({ data }) => hear(data?.contentChanged.content?.title),
        error: (cause) => failed.reject(new Error('a watcher was turned away', { cause })),
        complete: () => undefined,
      },
    )
  // One after the other: the gateway takes few at a time who have not said who they are.
  while (clients.length < connections) clients.push(await connect(url, token))
  for (const client of clients) {
    for (let index = 0; index < watchersOfEach; index++) watchAs(client)
  }
  return {
    /** When each watcher saw the content with this title; throws when one has not within ten seconds. */
    async waitFor(title: string): Promise<number[]> {
      const { promise, resolve } = Promise.withResolvers<number[]>()
      awaited = { title, times: [], tell: resolve }
      const { times } = awaited
      const late = delay(patienceMs, undefined, { ref: false }).then(() => {
        throw new Error(`${times.length} of ${watchers} watchers saw the change in time`)
      })
      return Promise.race([promise, failed.promise, late])
    },
    [Symbol.dispose]() {
      for (const client of clients) void client.dispose()
    },
  }
}

async function connect(url: string, token: string): Promise<Client> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const client = createClient({
    url: `${url.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    connectionParams: { authorization: `Bearer ${token}` },
    lazy: false,
    retryAttempts: 0,
    on: { connected: () => resolve() },
    onNonLazyError: (cause) => reject(new Error('a watcher cannot connect', { cause })),
  })
  await promise
  return client
}

/** Nobody is told when a subscription has begun: changes are made until one was seen by everybody. */
async function gather(
  audience: Awaited<ReturnType<typeof openAudience>>,
  endpoint: Endpoint,
  contentId: string,
  { signal, progress }: Bench,
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    signal.throwIfAborted()
    const title = `Is everybody there? ${attempt}`
    try {
      await Promise.all([audience.waitFor(title), changeTitle(endpoint, contentId, title)])
      return progress(`fan-out: ${watchers} watchers are there`)
    } catch (error) {
      if (attempt === 3) throw error
    }
  }
}

const create = `mutation Create($input: CreateContentInput!) {
  write: createContent(input: $input) { ... on ContentSuccess { content { id } } ... on Error { message } }
}`
const update = `mutation Update($input: UpdateContentInput!) {
  write: updateContent(input: $input) { ... on ContentSuccess { content { id } } ... on Error { message } }
}`

interface WriteAnswer {
  data: { write: { content?: { id: string } } }
}

async function write(endpoint: Endpoint, query: string, input: object): Promise<string> {
  const text = await ask(endpoint, JSON.stringify({ query, variables: { input } }))
  const { content } = (JSON.parse(text) as WriteAnswer).data.write
  if (!content) throw new Error(`a write was refused: ${text}`)
  return content.id
}

function createContent(endpoint: Endpoint): Promise<string> {
  return write(endpoint, create, { title: 'Watched', body: { raw: 'Look at me.' } })
}

async function changeTitle(endpoint: Endpoint, id: string, title: string): Promise<void> {
  await write(endpoint, update, { ref: { id }, title })
}

function render(changes: readonly Change[]): string {
  const row = (name: string, of: (change: Change) => number) => {
    const times = changes.map(of)
    return [name, ...[0.5, 0.95, 1].map((share) => tenths(quantile(times, share)))]
  }
  return renderTable(`fan-out: ${fanOut.about}; ms from the commit of ${changes.length} changes`, [
    ['', 'p50', 'p95', 'most'],
    row('first watcher', ({ firstMs }) => firstMs),
    row('half of them', ({ halfMs }) => halfMs),
    row('last watcher', ({ lastMs }) => lastMs),
  ])
}
