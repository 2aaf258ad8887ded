import { createHistogram } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import { type Dispatcher, Pool } from 'undici'
import type { LoadOrder, LoadResult } from './load-generator.ts'

/**
 * The load, in a process of its own. The requests go round for ever, and no two connections get the same
 * one at a time.
 */
process.on('message', (order: LoadOrder) => {
  void run(order).then((result) => process.send?.(result))
})

let next = 0

async function run(order: LoadOrder): Promise<LoadResult> {
  const { url, token, requests, connections, perSecond } = order
  const pool = new Pool(url, {
    connections: perSecond === undefined ? connections : null,
    pipelining: 1,
  })
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` }
  const latency = createHistogram()
  let errors = 0
  let errorExample: string | undefined
  const send = async () => {
    const { body, answerBytes } = requests[next++ % requests.length] as LoadOrder['requests'][0]
    const sentAt = performance.now()
    const answer = await exchange(pool, { method: 'POST', path: '/graphql', headers, body })
    latency.record(Math.ceil(1_000 * (performance.now() - sentAt)))
    if (answer.status === 200 && answer.bytes === answerBytes) return
    errors++
    errorExample ??= `${answer.status} ${answer.beginning?.toString('utf8', 0, 300)}`
  }
  const startedAt = performance.now()
  await (perSecond === undefined ? sendClosed(send, order) : sendOpen(send, perSecond, order))
  const seconds = (performance.now() - startedAt) / 1_000
  await pool.destroy()
  return {
    answered: latency.count,
    errors,
    ...(errorExample !== undefined && { errorExample }),
    perSecond: latency.count / seconds,
    p50Ms: latency.percentile(50) / 1_000,
    p95Ms: latency.percentile(95) / 1_000,
    p99Ms: latency.percentile(99) / 1_000,
  }
}

/** Each connection sends its next request as soon as the answer to the last one is there. */
async function sendClosed(
  send: () => Promise<void>,
  { connections, durationMs }: LoadOrder,
): Promise<void> {
  const endsAt = performance.now() + durationMs
  const drive = async () => {
    while (performance.now() < endsAt) await send()
  }
  await Promise.all(Array.from({ length: connections }, drive))
}

const tickMs = 5

/** What is due is sent, whatever has become of what was sent before. */
async function sendOpen(
  send: () => Promise<void>,
  perSecond: number,
  { durationMs }: LoadOrder,
): Promise<void> {
  const sending: Promise<void>[] = []
  const startedAt = performance.now()
  for (let passed = 0; passed < durationMs; passed = performance.now() - startedAt) {
    while (sending.length < (passed * perSecond) / 1_000) sending.push(send())
    await delay(tickMs)
  }
  await Promise.all(sending)
}

interface Answer {
  /** 0 when there was none. */
  status: number
  bytes: number
  /** What came first of the body, or why nothing came. */
  beginning: Buffer | undefined
}

function exchange(pool: Pool, request: Dispatcher.DispatchOptions): Promise<Answer> {
  return new Promise((resolve) => {
    const answer: Answer = { status: 0, bytes: 0, beginning: undefined }
    pool.dispatch(request, {
      onRequestStart() {},
      onResponseStart(_controller, code) {
        answer.status = code
      },
      onResponseData(_controller, chunk) {
        answer.beginning ??= chunk
        answer.bytes += chunk.length
      },
      onResponseEnd: () => resolve(answer),
      onResponseError: (_controller, { message }) =>
        resolve({ status: 0, bytes: 0, beginning: Buffer.from(message) }),
    })
  })
}
