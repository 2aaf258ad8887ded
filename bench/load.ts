import { createHistogram } from 'node:perf_hooks'
import { type Dispatcher, Pool } from 'undici'
import type { LoadOrder, LoadResult } from './load-generator.ts'

/**
 * The load, in a process of its own: each connection sends its next request as soon as the answer
 * to the last one is there. The requests go round for ever, and no two connections get the same one
 * at a time.
 */
process.on('message', (order: LoadOrder) => {
  void run(order).then((result) => process.send?.(result))
})

let next = 0

async function run({ url, token, requests, connections, durationMs }: LoadOrder) {
  const pool = new Pool(url, { connections, pipelining: 1 })
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` }
  const latency = createHistogram()
  let answered = 0
  let errors = 0
  const startedAt = performance.now()
  const endsAt = startedAt + durationMs
  const drive = async () => {
    for (let sentAt = performance.now(); sentAt < endsAt; sentAt = performance.now()) {
      const { body, answerBytes } = requests[next++ % requests.length] as LoadOrder['requests'][0]
      const bytes = await exchange(pool, { method: 'POST', path: '/graphql', headers, body })
      latency.record(Math.ceil(1_000 * (performance.now() - sentAt)))
      answered++
      if (bytes !== answerBytes) errors++
    }
  }
  await Promise.all(Array.from({ length: connections }, drive))
  const seconds = (performance.now() - startedAt) / 1_000
  await pool.destroy()
  const result: LoadResult = {
    answered,
    errors,
    perSecond: answered / seconds,
    p50Ms: latency.percentile(50) / 1_000,
    p99Ms: latency.percentile(99) / 1_000,
  }
  return result
}

/** Bytes of the answer's body; -1 when it failed or had another status than 200. */
function exchange(pool: Pool, request: Dispatcher.DispatchOptions): Promise<number> {
  return new Promise((resolve) => {
    let status = 0
    let bytes = 0
    pool.dispatch(request, {
      onRequestStart() {},
      onResponseStart(_controller, code) {
        status = code
      },
      onResponseData(_controller, chunk) {
        bytes += chunk.length
      },
      onResponseEnd: () => resolve(status === 200 ? bytes : -1),
      onResponseError: () => resolve(-1),
    })
  })
}
