import { setTimeout as delay } from 'node:timers/promises'
import type { Pool } from 'pg'
import { mapLimit } from '../../src/lib/map-limit.ts'
import type { Api, TestTenant } from './gateway.ts'
import { expectStored, KnownContents } from './known-contents.ts'
import { type Operation, operations, type Write } from './operations.ts'
import { isRepeatable, outcomeOf } from './outcome.ts'
import { createRandom } from './random.ts'

/** One request of a write, as its caller saw it. */
export interface Attempt {
  operation: string
  ms: number
  outcome: string
}

export interface WorkloadOptions {
  api: Api
  tenant: TestTenant
  seed: number
  /**
   * As superuser, who lets a minute pass for whoever finds his key in use: the writer who has it is
   * most likely dead. Without one, its lease is waited for.
   */
  admin?: Pool
}

const firstBackOffMs = 50
const longestBackOffMs = 1_000
const mostUnderWay = 200

/**
 * Clients who write as the API asks them to: with a key each time, and again whenever the answer, or
 * its absence, leaves a chance.
 */
export class Workload {
  /** Every request so far, oldest first. */
  readonly attempts: Attempt[] = []
  /** Writes that succeeded so far. */
  succeeded = 0
  readonly #options: WorkloadOptions
  readonly #random
  readonly #contents = new KnownContents()
  #started = 0
  #isOver = false

  constructor(options: WorkloadOptions) {
    this.#options = options
    this.#random = createRandom(options.seed)
  }

  /** One write of the list, repeated under its key until it succeeds. */
  async write(): Promise<void> {
    const { operation, contents } = this.#choose()
    const key = `${operation.name} ${this.#started++}`
    const write = { key, body: key.padEnd(40 + this.#random.below(150), '.'), contents }
    let backOffMs = firstBackOffMs
    while ((await this.#attempt(operation, write)) !== 'success') {
      await delay(backOffMs * (0.5 + Math.random()))
      backOffMs = Math.min(2 * backOffMs, longestBackOffMs)
      if (this.#isOver) return
    }
    this.succeeded++
    for (const content of contents) {
      content.body = operation.bodyOf?.(content) ?? write.body
      content.version++
      if (content.version === 1) content.firstBody = content.body
      content.state = operation.to
    }
    this.#contents.giveBack(contents)
  }

  /** So many writes by so many clients, each of whom waits for its answer. */
  async run(clients: number, writes: number): Promise<void> {
    await mapLimit(Array.from({ length: writes }), clients, () => this.write())
  }

  /** The same until `signal` aborts; resolves when the writes then under way have succeeded. */
  async runUntil(signal: AbortSignal, clients: number): Promise<void> {
    const client = async () => {
      while (!signal.aborted && !this.#isOver) await this.write()
    }
    await Promise.all(Array.from({ length: clients }, client))
  }

  /**
   * Starts so many writes a second until `signal` aborts, however long they take; with too many under
   * way it waits, for more would only measure this machine.
   */
  async runAtRate(signal: AbortSignal, writesPerSecond: number): Promise<void> {
    const underWay = new Set<Promise<void>>()
    for (let next = performance.now(); !signal.aborted && !this.#isOver;) {
      const writing = this.write().finally(() => underWay.delete(writing))
      underWay.add(writing)
      if (underWay.size >= mostUnderWay) await Promise.race(underWay)
      next = Math.max(next + 1_000 / writesPerSecond, performance.now() - 1_000)
      await delay(Math.max(0, next - performance.now()))
    }
    await Promise.all(underWay)
  }

  /** How many requests came to what, for people: `success 40, connection 3`. */
  tally(): string {
    const outcomes = Map.groupBy(this.attempts, ({ outcome }) => outcome)
    return [...outcomes].map(([outcome, { length }]) => `${outcome} ${length}`).join(', ')
  }

  /** Fails unless PostgreSQL holds exactly what was acknowledged: nothing lost, nothing twice. */
  expectExactly(admin: Pool): Promise<void> {
    return expectStored(this.#contents, admin, this.#options.tenant)
  }

  /** Ends what still runs: a test that fails does not wait for its clients. */
  [Symbol.dispose](): void {
    this.#isOver = true
  }

  #choose(): { operation: Operation; contents: Write['contents'] } {
    for (const operation of this.#random.shuffled(operations)) {
      const taken = this.#contents.take(operation.from, operation.count, this.#random)
      const [first, ...others] = taken
      const fits = taken.every((content) => operation.changes?.(content) ?? true)
      if (first && fits) return { operation, contents: [first, ...others] }
      this.#contents.giveBack(taken)
    }
    throw new TypeError('Nothing can be written: no operation starts from nothing')
  }

  async #attempt(operation: Operation, write: Write): Promise<string> {
    const { api, tenant, admin } = this.#options
    const startedAt = performance.now()
    const outcome = await outcomeOf(operation.send(api, tenant, write))
    this.attempts.push({ operation: operation.name, ms: performance.now() - startedAt, outcome })
    if (outcome !== 'success' && !isRepeatable(outcome)) {
      throw new Error(`${operation.name} was refused: ${outcome}`)
    }
    if (admin && outcome === 'IDEMPOTENCY_IN_PROGRESS') await expireLease(admin, tenant, write.key)
    return outcome
  }
}

async function expireLease(admin: Pool, { id }: TestTenant, key: string): Promise<void> {
  await admin.query(
    `update content_write_intents i set lease_expires_at = now() - interval '1 second'
     from idempotency_keys k
     where i.tenant_id = $1 and k.tenant_id = $1 and i.id = k.intent_id
       and starts_with(k.key || ' ', $2 || ' ')`,
    [id, key],
  )
}
