import { setTimeout as wait } from 'node:timers/promises'

/** A failure that a repeat may cure: no connection, an overloaded server, a write under way. */
export class RetryLater extends Error {
  override readonly name = 'RetryLater'
  readonly retryAfterMs: number

  constructor(reason: string, retryAfterMs = 0) {
    super(reason)
    this.retryAfterMs = retryAfterMs
  }
}

/** No further file can succeed; the message says why. */
export class ImportStopped extends Error {
  override readonly name = 'ImportStopped'
}

export interface PersistenceOptions {
  /** How long to go on without any success at all. */
  patienceMs: number
  signal: AbortSignal
  /** Called before each pause. */
  onWait?: ((reason: string) => void) | undefined
}

const firstPauseMs = 200
const longestPauseMs = 5_000

/** Repeats calls that failed for now; all callers of one import share their patience. */
export class Persistence {
  readonly #options: PersistenceOptions
  #lastSuccess = Date.now()

  constructor(options: PersistenceOptions) {
    this.#options = options
  }

  /** Something was achieved: patience begins anew. */
  noteSuccess(): void {
    this.#lastSuccess = Date.now()
  }

  /** Repeats `work` while it throws RetryLater; throws ImportStopped when patience is at its end. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    for (let attempt = 0; ; attempt++) {
      try {
        const result = await work()
        this.noteSuccess()
        return result
      } catch (error) {
        if (!(error instanceof RetryLater)) throw error
        await this.#pause(error, attempt)
      }
    }
  }

  /** Doubling, and never shorter than asked for; jitter keeps parallel callers from coming together. */
  async #pause({ message, retryAfterMs }: RetryLater, attempt: number): Promise<void> {
    const { patienceMs, signal, onWait } = this.#options
    if (Date.now() - this.#lastSuccess >= patienceMs) {
      throw new ImportStopped(`no success for ${Math.round(patienceMs / 1_000)} s: ${message}`)
    }
    onWait?.(message)
    const pause = Math.min(longestPauseMs, firstPauseMs * 2 ** attempt)
    await wait(
      Math.max(pause * (0.5 + Math.random() / 2), retryAfterMs * (1 + Math.random() / 4)),
      undefined,
      { signal },
    )
  }
}
