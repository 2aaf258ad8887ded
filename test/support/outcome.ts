import { setTimeout as delay } from 'node:timers/promises'

/** What a mutation of contents answers, as far as its caller must branch on it. */
export interface Answer {
  __typename: string
  code?: string
  message?: string
}

/** Failures of the operation as a whole that say "later"; a bug is none of them. */
const later = /"code":"((?:SERVICE|CONTENT_STORE)_UNAVAILABLE|DEADLINE_EXCEEDED|OVERLOADED)"/

/** Outcomes after which the same call, with the same key, may succeed. */
const repeatable = new Set([
  'STORAGE_UNAVAILABLE',
  'IDEMPOTENCY_IN_PROGRESS',
  'SERVICE_UNAVAILABLE',
  'CONTENT_STORE_UNAVAILABLE',
  'DEADLINE_EXCEEDED',
  'OVERLOADED',
  'connection',
])

export function isRepeatable(outcome: string): boolean {
  return repeatable.has(outcome)
}

/**
 * What a call came to: `success`, the code of an expected failure, or `connection` when there was no
 * whole answer. Throws what no client should ever see.
 */
export async function outcomeOf(answering: Promise<Answer>): Promise<string> {
  try {
    const { code = 'success' } = await answering
    return code
  } catch (error) {
    const code = error instanceof Error ? later.exec(error.message)?.[1] : undefined
    if (code !== undefined) return code
    // What fetch throws when the connection is refused, or dies before the whole answer is there.
    const isConnection = error instanceof TypeError && /fetch failed|terminated/.test(error.message)
    if (isConnection) return 'connection'
    throw error
  }
}

const backOffMs = 50

/** The outcome of a call that is repeated as long as the answer is to come back. */
export async function untilDecided(call: () => Promise<Answer>): Promise<string> {
  for (;;) {
    const outcome = await outcomeOf(call())
    if (!isRepeatable(outcome)) return outcome
    await delay(backOffMs * (0.5 + Math.random()))
  }
}
