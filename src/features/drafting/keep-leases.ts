import { setTimeout as delay } from 'node:timers/promises'
import { UpstreamError } from '../../lib/errors.ts'
import { type ClaimedItem, type ClaimedJob, type JobDeps, renewEveryMs } from './job-run.ts'
import { type Renewed, renewLeases } from './renew-leases.ts'

export interface Kept {
  /** What is ours now. */
  held: ReadonlyMap<number, ClaimedItem>
  /** Of items being written, while somebody watches. */
  texts: ReadonlyMap<number, string>
  /** How the job stands; null when another worker has taken over. */
  onRenewed: (renewed: Renewed | null) => void
}

/** Renews the leases of a job and its items each second, until `signal` aborts or they are lost. */
export async function keepLeases(
  deps: JobDeps,
  job: ClaimedJob,
  { held, texts, onRenewed }: Kept,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    await delay(renewEveryMs, undefined, { signal }).catch(() => {})
    if (signal.aborted) return
    try {
      const renewed = await renewLeases(deps, job, held.values(), new Map(texts))
      onRenewed(renewed)
      if (!renewed) return
    } catch (error) {
      // PostgreSQL is away: whoever comes first when it is back has the job.
      if (!(error instanceof UpstreamError)) throw error
    }
  }
}
