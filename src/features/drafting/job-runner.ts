import { setTimeout as delay } from 'node:timers/promises'
import { Bell } from '../../lib/bell.ts'
import { type DomainError, UpstreamError, ValidationError } from '../../lib/errors.ts'
import type { Log } from '../../platform/log.ts'
import type { Models } from '../../platform/models.ts'
import { callsAtOnce } from '../generation/job-progress.ts'
import type { StopReason } from '../generation/stop-job.ts'
import type { WriteDeps } from '../writing/write.ts'
import { type Claim, claimItems } from './claim-items.ts'
import type { BrandGuidelines } from './draft-prompt.ts'
import { giveUpJob } from './give-up-job.ts'
import type { ClaimedItem, ClaimedJob } from './job-run.ts'
import { keepLeases } from './keep-leases.ts'
import { type Failure, recordFailure } from './record-failure.ts'
import { releaseJob } from './release-job.ts'
import type { Renewed } from './renew-leases.ts'
import { storeDrafts } from './store-drafts.ts'
import { StoreQueue } from './store-queue.ts'
import { type DraftDeps, JobStoppedError, writeDraft, type Written } from './write-draft.ts'

export interface RunnerDeps extends WriteDeps {
  models: Models
  log: Log
}

/** Between the starts of two calls, until the first has answered: a refused key is known after few. */
const firstPaceMs = 50
/** And afterwards: what ends a job, e.g. a full quota, is known before much more has been paid for. */
const paceMs = 12
/** How often to look again when nothing rings, e.g. for places that other jobs have given back. */
const lookAgainMs = 500
/** While PostgreSQL is away. */
const retryMs = 500
/** A worker that is asked to stop lets its calls come to an end for so long. */
const graceMs = 10_000
/** The provider refuses requests, not keys: after so many in a row there is something wrong with all. */
const maxRejections = 3

/**
 * One worker's work on one job: begins calls as places come free, stores what they bring in batches
 * beside them, and renews its leases. Ends when nothing is left to begin, when the job is stopped, when
 * `deps.signal` aborts, or when another worker has taken over; gives back what it leaves undone.
 */
export class JobRunner {
  readonly #deps: RunnerDeps
  readonly #job: ClaimedJob
  readonly #prompting: Pick<DraftDeps, 'brand' | 'apiKey'>
  /** Items that are ours, until they are stored, failed or given back. */
  readonly #held = new Map<number, ClaimedItem>()
  readonly #calls = new Set<Promise<void>>()
  readonly #callAborter = new AbortController()
  readonly #bell = new Bell()
  readonly #texts = new Map<number, string>()
  readonly #queue: StoreQueue
  /** Items that have left their place since the last claim. */
  #drafted: number[] = []
  #rejections = 0
  #hasAnswer = false
  #stopReason: StopReason | null = null
  #isWatched: boolean
  #isEnding = false
  #isLost = false

  constructor(
    deps: RunnerDeps,
    job: ClaimedJob,
    prompting: { brand: BrandGuidelines | null; apiKey: string | null },
  ) {
    this.#deps = deps
    this.#job = job
    this.#prompting = prompting
    this.#isWatched = job.watched
    // Storing goes on while calls are aborted: what was paid for is kept.
    const storing = { ...deps, signal: new AbortController().signal }
    this.#queue = new StoreQueue({
      store: (batch) => storeDrafts(storing, job, batch),
      settle: (text, error) => this.#settle(text, error),
    })
  }

  /** Answers why it stopped the job early, if it did. */
  async run(): Promise<StopReason | null> {
    const stopHeeding = this.#heedStop()
    const over = new AbortController()
    const work = Promise.all([
      this.#orStop(() => this.#draft()),
      this.#orStop(() => this.#queue.run()),
    ])
    try {
      await Promise.all([
        work.finally(() => over.abort()),
        this.#orStop(() => this.#keepLeases(over.signal)),
      ])
    } finally {
      stopHeeding()
      if (!this.#isLost) {
        await this.#persist(() => releaseJob(this.#deps, this.#job, this.#held.values()))
      }
    }
    return this.#stopReason
  }

  /** What nobody foresaw ends this job, and not the worker with all its other jobs. */
  async #orStop(part: () => Promise<void>): Promise<void> {
    try {
      await part()
    } catch (error) {
      await this.#stop(this.#reasonOf(error))
    }
  }

  async #draft(): Promise<void> {
    try {
      await this.#begin()
    } finally {
      await Promise.all(this.#calls)
      this.#queue.close()
    }
  }

  /** The worker is to stop: nothing more is begun, and what is under way has a while to end. */
  #heedStop(): () => void {
    const { signal } = this.#deps
    let timer: NodeJS.Timeout | undefined
    const onAbort = () => {
      this.#isEnding = true
      this.#bell.ring()
      timer = setTimeout(() => {
        this.#end()
        this.#queue.abandon()
      }, graceMs)
    }
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
    return () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
    }
  }

  #keepLeases(signal: AbortSignal): Promise<void> {
    const onRenewed = (renewed: Renewed | null) => {
      this.#isWatched = renewed?.watched ?? false
      this.#isLost = renewed === null
      if (this.#isLost) this.#queue.abandon()
      if (!renewed || renewed.stopping) this.#end()
    }
    const kept = { held: this.#held, texts: this.#texts, onRenewed }
    return keepLeases(this.#deps, this.#job, kept, signal)
  }

  #end(): void {
    this.#isEnding = true
    this.#callAborter.abort()
    this.#bell.ring()
  }

  async #begin(): Promise<void> {
    while (!this.#isEnding) {
      const wanted = this.#queue.isFull ? 0 : callsAtOnce - this.#calls.size
      const claim = wanted > 0 ? await this.#claim(wanted) : undefined
      for (const item of claim?.items ?? []) {
        this.#call(item)
        await delay(this.#hasAnswer ? paceMs : firstPaceMs)
      }
      if (claim?.state === 'over' && this.#held.size === 0) return
      if (claim?.state !== 'claimed') await this.#bell.wait(lookAgainMs)
    }
  }

  async #claim(wanted: number): Promise<Claim | undefined> {
    const drafted = this.#drafted.splice(0)
    try {
      const held = this.#held.keys()
      return await claimItems(this.#deps, this.#job, { wanted, held, drafted })
    } catch (error) {
      if (!(error instanceof UpstreamError)) throw error
      this.#drafted.push(...drafted)
      return undefined
    }
  }

  #call(item: ClaimedItem): void {
    this.#held.set(item.seq, item)
    if (this.#isEnding) return
    const call = this.#write(item).finally(() => {
      this.#calls.delete(call)
      this.#texts.delete(item.seq)
      this.#bell.ring()
    })
    this.#calls.add(call)
  }

  async #write(item: ClaimedItem): Promise<void> {
    try {
      const text = await writeDraft(this.#draftDeps(), item)
      this.#hasAnswer = true
      if (!text) return void this.#held.delete(item.seq)
      this.#rejections = 0
      this.#drafted.push(item.seq)
      this.#queue.add(text)
    } catch (error) {
      if (!this.#callAborter.signal.aborted) await this.#stop(this.#reasonOf(error))
    }
  }

  #draftDeps(): DraftDeps {
    const { models } = this.#deps
    return {
      ...this.#prompting,
      models,
      job: this.#job,
      signal: this.#callAborter.signal,
      fail: (item, failure) => this.#fail(item, failure),
      ...(this.#isWatched && {
        onText: ({ seq }: ClaimedItem, text: string) => void this.#texts.set(seq, text),
      }),
    }
  }

  async #fail(item: ClaimedItem, failure: Failure): Promise<boolean> {
    const isOurs = await this.#persist(() => recordFailure(this.#deps, this.#job, item, failure))
    const isRejected = failure.reason.code === 'MODEL_REJECTED'
    if (isRejected && ++this.#rejections >= maxRejections) throw new JobStoppedError(failure.reason)
    return isOurs
  }

  /** A text has been stored, or can never be. */
  async #settle({ item, usage }: Written, error: DomainError | null): Promise<void> {
    if (error) {
      const code = error.code === 'QUOTA_EXCEEDED' ? error.code : 'INTERNAL'
      const reason = { code, message: error.message } as const
      await this.#fail(item, { reason, usage, final: true })
      // What all items have in common is not there any more, e.g. their brand: no other one will do better.
      const concernsAll = code === 'QUOTA_EXCEEDED' || error instanceof ValidationError
      if (concernsAll) await this.#stop(reason)
    }
    this.#held.delete(item.seq)
    this.#bell.ring()
  }

  #reasonOf(error: unknown): StopReason {
    if (error instanceof JobStoppedError) return error.reason
    this.#deps.log.error({ err: error, jobId: this.#job.id }, 'generation failed')
    return { code: 'INTERNAL', message: 'Something went wrong on our side.' }
  }

  /** Ends the job early, for everybody, unless another worker has taken over. */
  async #stop(reason: StopReason): Promise<void> {
    this.#end()
    const isOurs = await this.#persist(() => giveUpJob(this.#deps, this.#job, reason))
    if (isOurs) this.#stopReason ??= reason
  }

  /** What must be written down is tried until PostgreSQL is back, or another worker has the job. */
  async #persist<T>(work: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await work()
      } catch (error) {
        if (!(error instanceof UpstreamError) || this.#isLost) throw error
        await delay(retryMs)
      }
    }
  }
}
