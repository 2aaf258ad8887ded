import { setTimeout as wait } from 'node:timers/promises'
import { UpstreamError } from '../../lib/errors.ts'
import type { RestoreRun } from './restore-run.ts'

const firstPauseMs = 500
const longestPauseMs = 10_000

/**
 * Repeats what a neighbour that is away has failed, until its time is up. What a neighbour refuses is not
 * repeated: nobody will be there to change its mind.
 */
export async function withPatience<T>(
  { patienceMs, signal }: Pick<RestoreRun, 'patienceMs' | 'signal'>,
  work: () => Promise<T>,
): Promise<T> {
  const endsAt = performance.now() + patienceMs
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMs * 2, longestPauseMs)) {
    try {
      return await work()
    } catch (error) {
      if (!isPassing(error) || performance.now() + pauseMs > endsAt) throw error
    }
    await wait(pauseMs, undefined, { signal })
  }
}

function isPassing(error: unknown): boolean {
  if (!(error instanceof UpstreamError)) return false
  return error.failure !== 'rejected' && error.failure !== 'malformed'
}
