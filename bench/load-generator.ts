import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

export interface LoadOrder {
  url: string
  token: string
  /** Sent in turn; an answer of another size counts as an error. */
  requests: readonly { body: string; answerBytes: number }[]
  /** Of a closed loop: each asks again as soon as it has its answer. */
  connections: number
  /**
   * Makes the loop open: so many requests are sent each second, however slow the answers are, each over a
   * connection that is free, or another one.
   */
  perSecond?: number
  durationMs: number
}

export interface LoadResult {
  answered: number
  errors: number
  /** Status and beginning of one of them. */
  errorExample?: string
  perSecond: number
  p50Ms: number
  p95Ms: number
  p99Ms: number
}

export interface LoadGenerator extends Disposable {
  /** One order at a time. */
  run(order: LoadOrder): Promise<LoadResult>
}

export function startLoadGenerator(): LoadGenerator {
  const child = fork(fileURLToPath(new URL('load.ts', import.meta.url)))
  const ended = once(child, 'exit').then(() => {
    throw new Error('the load generator ended')
  })
  ended.catch(() => undefined)
  return {
    async run(order) {
      child.send(order)
      const [result] = (await Promise.race([once(child, 'message'), ended])) as [LoadResult]
      return result
    },
    [Symbol.dispose]: () => void child.kill(),
  }
}
