import { createHistogram, type RecordableHistogram } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import { type Dispatcher, Pool } from 'undici'
import type { Flow, FlowResult, LoadOrder, Quantiles } from './open-loop.ts'

/** The load, in a process of its own: what is due is sent, whatever has become of what was sent before. */
process.on('message', (order: LoadOrder) => {
  void run(order).then((result) => process.send?.(result))
})

const tickMs = 5

interface Count {
  flow: Flow
  request: Dispatcher.DispatchOptions
  sent: number
  answered: RecordableHistogram
  refused: RecordableHistogram
  bodiless: RecordableHistogram
  limited: RecordableHistogram
  failures: Record<string, number>
  pending: Set<Promise<void>>
}

async function run({ url, flows, durationMs }: LoadOrder): Promise<Record<string, FlowResult>> {
  // A connection for each request under way, kept for the next.
  const pool = new Pool(url, { connections: null, pipelining: 1 })
  const counts = flows.map(begin)
  const startedAt = performance.now()
  const endsAt = startedAt + durationMs
  for (let passed = 0; passed < durationMs; passed = performance.now() - startedAt) {
    for (const [index, count] of counts.entries()) {
      const { perSecond = 0, atOnce = 0 } = count.flow
      // Clients know nothing of each other: flows of one rate must not all send at the same moment.
      const due = (passed * perSecond) / 1_000 - index / counts.length
      while (count.sent < due) send(pool, count, endsAt)
      while (count.pending.size < atOnce) send(pool, count, endsAt)
    }
    await delay(tickMs)
  }
  const seconds = (performance.now() - startedAt) / 1_000
  for (const { pending } of counts) await Promise.all(pending)
  await pool.destroy()
  return Object.fromEntries(counts.map((count) => [count.flow.name, resultOf(count, seconds)]))
}

function begin(flow: Flow): Count {
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${flow.token}` }
  return {
    flow,
    request: { method: 'POST', path: '/graphql', headers, body: flow.body },
    sent: 0,
    answered: createHistogram(),
    refused: createHistogram(),
    bodiless: createHistogram(),
    limited: createHistogram(),
    failures: {},
    pending: new Set(),
  }
}

function send(pool: Pool, count: Count, endsAt: number): void {
  count.sent++
  const sentAt = performance.now()
  const sending = exchange(pool, count.request).then((outcome) => {
    count.pending.delete(sending)
    if (performance.now() < endsAt && count.pending.size < (count.flow.atOnce ?? 0)) {
      send(pool, count, endsAt)
    }
    const us = Math.max(1, Math.round(1_000 * (performance.now() - sentAt)))
    if (isForeseen(outcome)) count[outcome].record(us)
    else count.failures[outcome] = (count.failures[outcome] ?? 0) + 1
  })
  count.pending.add(sending)
}

const foreseen = ['answered', 'refused', 'bodiless', 'limited'] as const

function isForeseen(outcome: string): outcome is (typeof foreseen)[number] {
  return foreseen.some((each) => each === outcome)
}

/** One of those foreseen (see FlowResult), or what else came of it. */
function exchange(pool: Pool, request: Dispatcher.DispatchOptions): Promise<string> {
  return new Promise((resolve) => {
    let status = 0
    let isRefusal = false
    let head = ''
    pool.dispatch(request, {
      onRequestStart() {},
      onResponseStart(_controller, code, headers) {
        status = code
        isRefusal = code === 503 && headers['retry-after'] !== undefined
      },
      onResponseData(_controller, chunk) {
        if (head.length < 500) head += chunk.toString('utf8', 0, 500)
      },
      onResponseEnd() {
        if (status === 200) resolve(outcomeOf(head))
        else if (isRefusal && head.includes('"OVERLOADED"')) resolve('refused')
        else if (status === 429 && head.includes('"RATE_LIMITED"')) resolve('limited')
        else resolve(`${status} ${head}`)
      },
      onResponseError: (_controller, { message }) => resolve(message),
    })
  })
}

/** From its beginning, where errors stand. */
function outcomeOf(head: string): string {
  if (head.startsWith('{"data"')) return 'answered'
  const isBodiless = /The content store is not available|There is too much to do/.test(head)
  return isBodiless ? 'bodiless' : head.slice(0, 120)
}

function resultOf(
  { sent, answered, refused, bodiless, limited, failures }: Count,
  seconds: number,
): FlowResult {
  return {
    sent,
    answered: answered.count,
    refused: refused.count,
    bodiless: bodiless.count,
    limited: limited.count,
    failures,
    perSecond: answered.count / seconds,
    answeredMs: quantilesOf(answered),
    refusedMs: quantilesOf(refused),
    bodilessMs: quantilesOf(bodiless),
  }
}

function quantilesOf(histogram: RecordableHistogram): Quantiles {
  const at = (percent: number) =>
    histogram.count === 0 ? 0 : Math.round(histogram.percentile(percent) / 100) / 10
  return { p50: at(50), p99: at(99), max: at(100) }
}
