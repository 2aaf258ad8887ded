import type { ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { expect, test, vi } from 'vitest'
import { UpstreamError } from '../../src/lib/errors.ts'
import { StatusError, createHttp, type Http, type HttpCall } from '../../src/platform/http.ts'
import { startServer, type TestServer } from './test-server.ts'

const read: HttpCall = { method: 'GET', path: '/', effect: 'none' }
const write: HttpCall = { method: 'POST', path: '/', body: { n: 1 }, effect: 'once' }

test('the JSON of an answer comes back, null for an empty one', async () => {
  await using server = await startServer((request, response) => {
    response.end(request.method === 'GET' ? '{"n":1}' : undefined)
  })
  await using http = connect(server)

  expect(await http.json(read)).toEqual({ n: 1 })
  expect(await http.json({ ...read, method: 'DELETE' })).toBeNull()
})

test.for([
  ['HTML with status 200', '<html>Welcome</html>', {}],
  ['JSON cut short', '{"rows":[{"id"', {}],
  ['an answer shorter than announced', '{"n":1}', { 'content-length': '100' }],
] as const)('%s is malformed', async ([, body, headers]) => {
  await using server = await startServer((_request, response) => {
    response.writeHead(200, headers)
    response.write(body, () => response.destroy())
    if (!('content-length' in headers)) response.end()
  })
  await using http = connect(server)

  expect(await failureOf(http.json(write))).toMatchObject({
    failure: 'malformed',
    mayHaveApplied: true,
  })
})

test('an endless answer is broken off at the limit and not asked for again', async () => {
  await using server = await startServer((_request, response) => {
    Readable.from(endlessBlanks()).pipe(response)
  })
  await using http = connect(server, { maxAnswerBytes: 1024 ** 2 })

  expect(await failureOf(http.json(read))).toMatchObject({ failure: 'malformed' })
  await vi.waitFor(() => expect(server.open).toBe(0))
  expect(server.requests).toBe(1)
})

test('a refusal says so, and keeps the upstream text out of reach of clients', async () => {
  await using server = await startServer((_request, response) => {
    response.writeHead(422).end(`no such column "secret" ${'x'.repeat(10_000)}`)
  })
  await using http = connect(server)

  const error = await failureOf(http.json(write))

  expect(error).toMatchObject({ failure: 'rejected', mayHaveApplied: false })
  expect(error.cause).toMatchObject({ name: StatusError.name, status: 422 })
  expect(error.message.length).toBeLessThan(300)
})

test.for([
  [500, 'unavailable', true],
  [429, 'throttled', false],
  [404, 'rejected', false],
] as const)('status %i is %s', async ([status, failure, mayHaveApplied]) => {
  await using server = await startServer((_request, response) => response.writeHead(status).end())
  await using http = connect(server, { timeoutMs: 300 })

  expect(await failureOf(http.json(write))).toMatchObject({ failure, mayHaveApplied })
})

test('a lost answer leaves a write unknown and is not repeated; nothing listening is known', async () => {
  const server = await startServer((request) => request.destroy())
  await using http = connect(server)

  const lost = await failureOf(http.json(write))
  expect(lost).toMatchObject({ failure: 'unavailable', mayHaveApplied: true })
  expect(server.requests).toBe(1)

  await server[Symbol.asyncDispose]()
  const refused = await failureOf(http.json(write))
  expect(refused).toMatchObject({ failure: 'unavailable', mayHaveApplied: false })
})

test('a single failure of a read is repaired by a repeat', async () => {
  await using server: TestServer = await startServer((_request, response) => {
    if (server.requests === 1) response.destroy()
    else response.end('{}')
  })
  await using http = connect(server)

  expect(await http.json(read)).toEqual({})
  expect(server.requests).toBe(2)
})

test('a neighbour that always fails sees at most a tenth more requests than calls', async () => {
  await using server = await startServer((_request, response) => response.writeHead(500).end())
  await using http = connect(server, { maxFailures: 1_000, maxInFlight: 1_000 })

  for (let n = 0; n < 10; n++) {
    await Promise.all(Array.from({ length: 50 }, () => failureOf(http.json(read))))
  }

  expect(server.requests).toBeGreaterThan(500)
  expect(server.requests).toBeLessThanOrEqual(1.1 * 500 + 1)
})

test('a repeat that cannot be back in time is not made', async () => {
  await using server = await startServer((_request, response) => response.writeHead(500).end())
  await using http = connect(server)

  await failureOf(http.json({ ...read, deadlineMs: 45 }))

  expect(server.requests).toBe(1)
})

test('a short pause is waited for, by everybody', async () => {
  await using server = await startServer((_request, response) => {
    if (server.requests > 1) response.end('{}')
    else response.writeHead(429, { 'retry-after': '1' }).end()
  })
  await using http = connect(server)
  const startedAt = performance.now()

  const first = http.json(write)
  await vi.waitFor(() => expect(http.health().pausedMs).toBeGreaterThan(0))
  await Promise.all([first, http.json(write), http.json(read)])

  expect(performance.now() - startedAt).toBeGreaterThan(900)
  expect(server.requests).toBe(4)
})

test.for([
  ['seconds', (): string => '30'],
  ['a date', (): string => new Date(Date.now() + 30_000).toUTCString()],
] as const)('a long pause, given in %s, is answered at once without asking', async ([, value]) => {
  await using server = await startServer((_request, response) => {
    response.writeHead(503, { 'retry-after': value() }).end()
  })
  await using http = connect(server)

  await failureOf(http.json(read))
  const error = await failureOf(http.json(read))

  expect(error.failure).toBe('throttled')
  expect(error.retryAfterMs).toBeGreaterThan(28_000)
  expect(error.retryAfterMs).toBeLessThanOrEqual(30_000)
  expect(server.requests).toBe(1)
})

test('a pause that outlasts the caller is an answer, not a wait', async () => {
  await using server = await startServer((_request, response) => {
    response.writeHead(429, { 'retry-after': '1' }).end()
  })
  await using http = connect(server)

  await failureOf(http.json({ ...read, deadlineMs: 500 }))
  const error = await failureOf(http.json({ ...read, deadlineMs: 500 }))

  expect(error).toMatchObject({ failure: 'throttled', mayHaveApplied: false })
  expect(server.requests).toBe(1)
})

test('calls beyond the queue are refused, and the others take their turn', async () => {
  const held: ServerResponse[] = []
  await using server = await startServer((_request, response) => void held.push(response))
  await using http = connect(server, { maxInFlight: 2, maxQueued: 2 })

  const calls = Array.from({ length: 5 }, () => http.json(read))
  const refused = await failureOf(calls[4])
  expect(refused).toMatchObject({ failure: 'overloaded', mayHaveApplied: false })
  await vi.waitFor(() => expect(held).toHaveLength(2))
  expect(http.health()).toMatchObject({ inFlight: 2, queued: 2 })

  for (let n = 0; n < 4; n++) {
    await vi.waitFor(() => expect(held.length).toBeGreaterThan(n))
    held[n]?.end('{}')
  }
  expect(await Promise.all(calls.slice(0, 4))).toHaveLength(4)
})

test('a caller who leaves ends the request at once, queued or sent, and is no failure', async () => {
  await using server = await startServer(() => undefined)
  await using http = connect(server, { maxInFlight: 2, maxFailures: 1 })
  const leaving = new AbortController()
  const reason = new Error('gone')

  const calls = Array.from({ length: 4 }, () => http.json({ ...read, signal: leaving.signal }))
  const ends = Promise.allSettled(calls)
  await vi.waitFor(() => expect(server.open).toBe(2))
  const abortedAt = performance.now()
  leaving.abort(reason)

  expect(await ends).toEqual(calls.map(() => ({ status: 'rejected', reason })))
  await vi.waitFor(() => expect(server.open).toBe(0), { interval: 5 })
  expect(performance.now() - abortedAt).toBeLessThan(100)
  expect(http.health()).toMatchObject({ state: 'closed', inFlight: 0, queued: 0 })
})

test('a caller out of time, by its own word or its signal, gets a timeout', async () => {
  await using server = await startServer(() => undefined)
  await using http = connect(server)

  const byWord = await failureOf(http.json({ ...write, deadlineMs: 50 }))
  const bySignal = await failureOf(http.json({ ...write, signal: AbortSignal.timeout(50) }))

  expect(byWord).toMatchObject({ failure: 'timeout', mayHaveApplied: true })
  expect(bySignal).toMatchObject({ failure: 'timeout', mayHaveApplied: true })
})

test('an answer that trickles is cut off at the deadline', async () => {
  await using server = await startServer((_request, response) => {
    const drip = setInterval(() => response.write(' '), 5)
    response.on('close', () => clearInterval(drip))
  })
  await using http = connect(server, { timeoutMs: 100 })

  expect(await failureOf(http.json(read))).toMatchObject({ failure: 'timeout' })
})

test('our own mistakes never open the breaker', async () => {
  await using server = await startServer((_request, response) => response.writeHead(400).end())
  await using http = connect(server, { maxFailures: 2 })

  for (let n = 0; n < 10; n++) await failureOf(http.json(read))

  expect(http.health().state).toBe('closed')
})

test('failures in a row open the breaker; then calls are refused at once, unsent', async () => {
  await using server = await startServer((_request, response) => response.writeHead(500).end())
  await using http = connect(server)

  await vi.waitFor(async () => {
    await failureOf(http.json(read))
    expect(http.health().state).toBe('open')
  })
  const sent = server.requests
  const startedAt = performance.now()
  const error = await failureOf(http.json(write))

  expect(performance.now() - startedAt).toBeLessThan(20)
  expect(error).toMatchObject({ failure: 'unavailable', mayHaveApplied: false })
  expect(error.retryAfterMs).toBeGreaterThan(0)
  expect(server.requests).toBe(sent)
  expect(http.health().errorRate).toBe(1)
})

test('a neighbour that hangs is given up within 2 s and is back within 5 s of its recovery', async () => {
  let healthy = false
  await using server = await startServer((_request, response) => {
    if (healthy) response.end('{}')
  })
  await using http = connect(server, { maxInFlight: 8 })
  const startedAt = performance.now()
  const traffic = startTraffic(http, 100)

  await expect.poll(() => http.health().state, { timeout: 2_000 }).toBe('open')
  expect(performance.now() - startedAt).toBeLessThan(2_000)
  // Opening ended what was under way: nobody waits for a neighbour given up.
  await vi.waitFor(() => expect(http.health()).toMatchObject({ inFlight: 0, queued: 0 }))
  expect(await durationOf(failureOf(http.json(read)))).toBeLessThan(20)

  healthy = true
  const recoveredAt = performance.now()
  await expect.poll(() => http.health().state, { timeout: 5_000 }).toBe('closed')
  expect(await http.json(read)).toEqual({})
  expect(performance.now() - recoveredAt).toBeLessThan(5_000)
  expect(server.mostOpen).toBeLessThanOrEqual(8)
  await traffic.stop()
})

test('while one call probes, the others are refused rather than parked', async () => {
  const held: ServerResponse[] = []
  await using server = await startServer((_request, response) => {
    if (server.requests === 1) response.writeHead(500).end()
    else held.push(response)
  })
  await using http = connect(server, { maxFailures: 1, openMs: 20 })

  await failureOf(http.json(write))
  const probe = await vi.waitFor(() => {
    const answer = http.json(read)
    answer.catch(() => undefined)
    expect(http.health().state).toBe('halfOpen')
    return { answer }
  })
  expect(await failureOf(http.json(read))).toMatchObject({ failure: 'unavailable' })

  await vi.waitFor(() => expect(held).toHaveLength(1))
  held[0]?.end('{}')
  expect(await probe.answer).toEqual({})
  expect(http.health().state).toBe('closed')
})

test('a probe whose caller leaves proves nothing', async () => {
  await using server = await startServer((_request, response) => {
    if (server.requests === 1) response.writeHead(500).end()
  })
  await using http = connect(server, { maxFailures: 1, openMs: 20 })
  const leaving = new AbortController()

  await failureOf(http.json(write))
  await vi.waitFor(() => {
    http.json({ ...read, signal: leaving.signal }).catch(() => undefined)
    expect(http.health().state).toBe('halfOpen')
  })
  leaving.abort()

  await vi.waitFor(() => expect(http.health().state).toBe('open'))
})

function connect(
  server: { url: string },
  options: Partial<Parameters<typeof createHttp>[0]> = {},
): Http {
  return createHttp({ neighbour: 'Test', origin: server.url, ...options })
}

async function failureOf(call: Promise<unknown> | undefined): Promise<UpstreamError> {
  const error = await (call ?? Promise.resolve()).then(
    () => new Error('expected a failure'),
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(UpstreamError)
  return error as UpstreamError
}

async function durationOf(work: Promise<unknown>): Promise<number> {
  const startedAt = performance.now()
  await work
  return performance.now() - startedAt
}

/** Reads at a steady rate, whatever becomes of them. */
function startTraffic(http: Http, perSecond: number) {
  const calls: Promise<unknown>[] = []
  const timer = setInterval(() => {
    calls.push(http.json(read).catch((error: unknown) => error))
  }, 1000 / perSecond)
  return {
    async stop() {
      clearInterval(timer)
      await Promise.all(calls)
    },
  }
}

function* endlessBlanks() {
  for (;;) yield ' '.repeat(64 * 1024)
}
