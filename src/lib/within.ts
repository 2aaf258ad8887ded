import { setTimeout as delay } from 'node:timers/promises'

/** What comes within `ms`; the rest is left to itself. */
export async function within<T>(ms: number, work: Promise<T>): Promise<T | undefined> {
  const over = new AbortController()
  const timeout = delay(ms, undefined, { signal: over.signal }).catch(() => undefined)
  try {
    return await Promise.race([work, timeout])
  } finally {
    over.abort()
  }
}
