import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/** Requests of one kind by one bearer. */
export interface Flow {
  name: string
  token: string
  /** The request, as JSON. */
  body: string
  /** However slow the answers are … */
  perSecond?: number
  /** … or so many at a time, each sent as soon as another has been answered. */
  atOnce?: number
}

export interface LoadOrder {
  /** Scheme, host and port. */
  url: string
  flows: readonly Flow[]
  durationMs: number
}

/** In milliseconds; 0 when there are none. */
export interface Quantiles {
  p50: number
  p99: number
  max: number
}

export interface FlowResult {
  sent: number
  answered: number
  /** With 503, Retry-After and OVERLOADED. */
  refused: number
  /** With errors in the place of bodies. */
  bodiless: number
  /** With 429 and RATE_LIMITED. */
  limited: number
  /** What else came of requests, and how often. */
  failures: Record<string, number>
  /** Answers. */
  perSecond: number
  answeredMs: Quantiles
  refusedMs: Quantiles
  bodilessMs: Quantiles
}

export interface OpenLoop extends AsyncDisposable {
  /** One order at a time; resolves when every request has come to something. */
  run(order: LoadOrder): Promise<Record<string, FlowResult>>
}

/** Load by a process of its own that is not slowed down by slow answers, as clients are not. */
export async function startOpenLoop(): Promise<OpenLoop> {
  const child = fork(fileURLToPath(new URL('open-loop-program.ts', import.meta.url)), {
    // Not those of the test's own process.
    execArgv: [],
  })
  return {
    async run(order) {
      child.send(order)
      const [result] = (await once(child, 'message')) as [Record<string, FlowResult>]
      return result
    },
    async [Symbol.asyncDispose]() {
      const exit = once(child, 'exit')
      child.kill()
      await exit
    },
  }
}
