import type { EntityManager } from '@mikro-orm/postgresql'
import { setTimeout as delay } from 'node:timers/promises'
import { Bell } from '../lib/bell.ts'
import { SharedFlights } from '../lib/shared-flights.ts'
import { startListener } from './events/listener.ts'
import type { Log } from './log.ts'

const eventChannel = 'gateway_events'

/** What somebody may be waiting for a change of. */
export const topics = {
  contents: (tenantId: string) => `contents:${tenantId}`,
  quota: (tenantId: string) => `quota:${tenantId}`,
  job: (jobId: string) => `job:${jobId}`,
  jobs: (tenantId: string) => `jobs:${tenantId}`,
}

/**
 * Wakes whoever watches these topics, on any instance, once the transaction has committed and never
 * when it has not. Carries no data: who wakes up reads what is true. One call a transaction: the
 * commits of transactions that notify wait for each other.
 */
export async function announce(tx: EntityManager, ...wanted: readonly string[]): Promise<void> {
  await tx.execute(announceSql, announceValues(wanted))
}

/** The same as a part of a larger statement; it must be read from, or nothing is announced. */
export const announceSql = 'select pg_notify(?, topic) from unnest(?::text[]) topic'

export function announceValues(wanted: readonly string[]): string[] {
  return [eventChannel, `{${wanted.join(',')}}`]
}

/** A watcher is woken after so long even if nobody rang: a notification may be lost, a row never is. */
const pollMs = 5_000
/** A watcher is woken five times a second at most, however much happens. */
const minIntervalMs = 200

export interface Events extends AsyncDisposable {
  /**
   * Yields at once, and from then on whenever one of `wanted` was announced or may have been; what
   * is announced between two looks is one wake-up. Ends when `signal` aborts.
   */
  wakeUps(wanted: readonly string[], signal: AbortSignal): AsyncGenerator<undefined, void>
  /** One answer for all watchers who ask for the same `key` at once, begun after they asked. */
  share<T>(key: string, ask: () => Promise<T>): Promise<T>
}

/** What other processes announce; listens from the first watcher on, and needs nothing before. */
export function openEvents({ url, log }: { url: string; log: Log }): Events {
  const bells = new Map<string, Set<Bell>>()
  const flights = new SharedFlights()
  let listener: AsyncDisposable | undefined
  const ringAll = (ringing: Iterable<Bell>) => {
    for (const bell of ringing) bell.ring()
  }
  const startListening = () =>
    startListener({
      url,
      channel: eventChannel,
      log,
      onNotice: (topic) => ringAll(bells.get(topic) ?? []),
      onGap: () => bells.values().forEach(ringAll),
    })
  return {
    wakeUps(wanted, signal) {
      listener ??= startListening()
      const bell = new Bell()
      if (!signal.aborted) hang(bells, bell, wanted, signal)
      return wakeUps(bell, signal)
    },
    share: (key, ask) => flights.share(key, ask),
    async [Symbol.asyncDispose]() {
      await listener?.[Symbol.asyncDispose]()
    },
  }
}

/** Until `signal` aborts, which rings once more: who waits must learn of it. */
function hang(
  bells: Map<string, Set<Bell>>,
  bell: Bell,
  wanted: readonly string[],
  signal: AbortSignal,
): void {
  for (const topic of wanted) {
    const hanging = bells.get(topic) ?? new Set()
    bells.set(topic, hanging.add(bell))
  }
  const takeDown = () => {
    for (const topic of wanted) {
      const hanging = bells.get(topic)
      hanging?.delete(bell)
      if (hanging?.size === 0) bells.delete(topic)
    }
    bell.ring()
  }
  signal.addEventListener('abort', takeDown, { once: true })
}

async function* wakeUps(bell: Bell, signal: AbortSignal): AsyncGenerator<undefined, void> {
  while (!signal.aborted) {
    const wokenAt = performance.now()
    yield
    await bell.wait(pollMs)
    const restMs = wokenAt + minIntervalMs - performance.now()
    if (restMs > 0) await delay(restMs, undefined, { signal }).catch(() => {})
  }
}
