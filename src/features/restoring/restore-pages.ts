import { bodyTable } from '../content/documents.ts'
import { preparePage } from './prepare-page.ts'
import { putBack } from './put-back.ts'
import type { Recovered } from './recover-document.ts'
import type { RestoreRun } from './restore-run.ts'
import {
  addTally,
  type DocumentCounts,
  type PageTally,
  type RestoreTally,
  startTally,
} from './restore-tally.ts'
import { settlePage } from './settle-page.ts'

/**
 * Works through the versions from where the restore has come to, and fetches the next page while it
 * puts one back. Ends after the page in hand, with the signal's reason, when it is to stop. Throws
 * UpstreamError when a neighbour stays away, RestoreLostError when another worker has taken over.
 */
export async function restorePages(run: RestoreRun): Promise<RestoreTally> {
  const { job, signal } = run
  let tally = startTally(job.report, run.purgedIds)
  let since = performance.now()
  let size = run.versionsPerPage
  let next = preparePage(run, job.lastVersionId ?? null, size)
  for (;;) {
    const page = await next
    if (!page) return tally
    next = preparePage(run, page.lastVersionId, size)
    // Its failure is heard when its turn comes.
    next.catch(() => {})
    try {
      const documents = await write(run, page.recovered)
      const now = performance.now()
      const done = count(page.tally, documents)
      const seconds = (now - since) / 1_000
      tally = addTally(tally, { ...done, seconds })
      size = nextSize(run, size, seconds)
      since = now
      await settlePage(run, page.lastVersionId, tally)
      signal.throwIfAborted()
    } catch (error) {
      // What is being fetched must not go on behind our back.
      await Promise.allSettled([next])
      throw error
    }
  }
}

/** A page should be seen to be done in about so many seconds. */
const pageSeconds = 5
const largestGrowth = 8

/** Each page costs a query that reads its days whole: the quicker the target, the larger a page may be. */
function nextSize({ versionsPerPage }: RestoreRun, size: number, seconds: number): number {
  if (seconds < pageSeconds / 2) return Math.min(size * 2, versionsPerPage * largestGrowth)
  return seconds > pageSeconds ? Math.max(versionsPerPage, Math.floor(size / 2)) : size
}

function write(run: RestoreRun, recovered: readonly Recovered[]): Promise<readonly Recovered[]> {
  return run.job.target === 'dry_run' ? Promise.resolve(recovered) : putBack(run, recovered)
}

function count(tally: PageTally, written: readonly Recovered[]): PageTally {
  const bodies = written.filter(({ table }) => table === bodyTable)
  const history = written.filter(({ table }) => table !== bodyTable)
  return {
    ...tally,
    bodies: withWritten(tally.bodies, bodies),
    history: withWritten(tally.history, history),
    restoredBytes: written.reduce((sum, { bytes }) => sum + bytes, 0),
  }
}

function withWritten(counts: DocumentCounts, written: readonly Recovered[]): DocumentCounts {
  const replaced = written.filter(({ replaces }) => replaces).length
  return { ...counts, restored: written.length, replaced }
}
