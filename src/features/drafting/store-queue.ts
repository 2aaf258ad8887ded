import { setTimeout as delay } from 'node:timers/promises'
import { Bell } from '../../lib/bell.ts'
import { type DomainError, StorageUnavailableError, UpstreamError } from '../../lib/errors.ts'
import { maxBatch } from './store-drafts.ts'
import type { StoreOutcome } from './store-drafts.ts'
import type { Written } from './write-draft.ts'

export interface StoreQueueOptions {
  /** Stores a batch; each text with its outcome, in order. */
  store: (batch: readonly Written[]) => Promise<readonly StoreOutcome[]>
  /** A text has left the queue; with an error it will never be a content. */
  settle: (text: Written, error: DomainError | null) => Promise<void>
}

/** While PostgreSQL or the store is away. */
const retryMs = 500
const lookAgainMs = 1_000

/**
 * Texts that were written and are not stored yet. They leave in batches, in the order in which they
 * came, one batch at a time: while one is under way the next one grows.
 */
export class StoreQueue {
  readonly #options: StoreQueueOptions
  readonly #bell = new Bell()
  #texts: Written[] = []
  #isClosed = false

  constructor(options: StoreQueueOptions) {
    this.#options = options
  }

  /** Texts wait in memory while the store is slow: no more of them than two batches. */
  get isFull(): boolean {
    return this.#texts.length >= 2 * maxBatch
  }

  add(text: Written): void {
    this.#texts.push(text)
    this.#bell.ring()
  }

  /** No more will come: `run` ends when the queue is empty. */
  close(): void {
    this.#isClosed = true
    this.#bell.ring()
  }

  /** Leaves what is not stored yet to whoever takes the items up next. */
  abandon(): void {
    this.#texts = []
    this.close()
  }

  async run(): Promise<void> {
    for (;;) {
      const batch = this.#texts.slice(0, maxBatch)
      if (batch.length > 0) await this.#store(batch)
      else if (this.#isClosed) return
      else await this.#bell.wait(lookAgainMs)
    }
  }

  async #store(batch: readonly Written[]): Promise<void> {
    try {
      const outcomes = await this.#options.store(batch)
      for (const [index, error] of outcomes.entries()) {
        if (error instanceof StorageUnavailableError) continue
        const text = batch[index] as Written
        await this.#options.settle(text, error)
        this.#texts = this.#texts.filter((other) => other !== text)
      }
      if (!outcomes.some((error) => error instanceof StorageUnavailableError)) return
    } catch (error) {
      if (!(error instanceof StorageUnavailableError || error instanceof UpstreamError)) throw error
    }
    await delay(retryMs)
  }
}
