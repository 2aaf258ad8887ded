import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { expect, test } from 'vitest'
import { mapLimit } from '../../../src/lib/map-limit.ts'
import { startGateway, type TestTenant } from '../../support/gateway.ts'
import { type Serving, startServing } from '../../support/serving.ts'

const sockets = 2_000
const everyMs = 5_000

/** How a request begins that never comes to its end: within the headers, or within the body. */
const beginnings = [
  'POST /graphql HTTP/1.1\r\nHost: localhost\r\nX-Slow: ',
  'POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n{',
]

interface Dribbler {
  /** Milliseconds until it was cut off. */
  cutAfter: Promise<number>
}

/** Connects, and from then on sends a byte every five seconds. */
async function dribble(port: number, beginning: string): Promise<Dribbler> {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  const since = performance.now()
  socket.on('error', () => {})
  socket.write(beginning)
  const timer = setInterval(() => socket.write('x'), everyMs)
  const cut = async () => {
    await closed(socket)
    clearInterval(timer)
    return performance.now() - since
  }
  return { cutAfter: cut() }
}

function closed(socket: Socket): Promise<unknown> {
  // What the server says is read, or its end would not be seen.
  socket.resume()
  return once(socket, 'close')
}

/** The 99th percentile of one hundred answers, in milliseconds. */
async function healthyP99(serving: Serving, token: string): Promise<number> {
  const ms: number[] = []
  for (let n = 0; n < 100; n++) {
    const since = performance.now()
    const { status } = await fetch(`${serving.url}/graphql`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ query: '{ viewer { tenant { name } } }' }),
    })
    expect(status).toBe(200)
    ms.push(performance.now() - since)
  }
  return ms.toSorted((a, b) => a - b)[98] ?? 0
}

async function open(): Promise<{ serving: Serving; tenant: TestTenant } & AsyncDisposable> {
  await using opened = new AsyncDisposableStack()
  const gateway = opened.use(await startGateway())
  const serving = opened.use(await startServing(gateway))
  const tenant = await gateway.newTenant()
  const owned = opened.move()
  return { serving, tenant, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

test('two thousand clients that dribble are cut off in fifteen seconds, and slow nobody down', async () => {
  await using opened = await open()
  const { serving, tenant } = opened
  const token = await serving.tokenOf(tenant)
  await healthyP99(serving, token)
  const before = await healthyP99(serving, token)
  const all = Array.from({ length: sockets }, (_, n) => beginnings[n % 2] ?? '')
  const dribblers = await mapLimit(all, 100, (beginning) => dribble(serving.port, beginning))
  const during = await healthyP99(serving, token)
  const longest = Math.max(...(await Promise.all(dribblers.map(({ cutAfter }) => cutAfter))))
  process.stdout.write(
    `p99 ${before} ms, with them ${during} ms; the last one cut after ${longest} ms\n`,
  )
  expect(longest).toBeLessThan(15_000)
  // Against a floor, so that noise of a fast machine is no finding.
  expect(during).toBeLessThanOrEqual(2 * Math.max(before, 10))
}, 120_000)
