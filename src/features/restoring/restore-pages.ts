import { bodyTable } from '../content/documents.ts'
import { preparePage } from './prepare-page.ts'
import { putBack } from './put-back.ts'
import type { Recovered } from './read-copies.ts'
import type { RestoreRun } from './restore-run.ts'
import { addTally, type DocumentCounts, emptyTally, type RestoreTally } from './restore-tally.ts'
import { settlePage } from './settle-page.ts'

/**
 * Works through the versions from where the restore has come to, and fetches the next page while it
 * puts one back. Ends after the page in hand, with the signal's reason, when it is to stop. Throws
 * UpstreamError when a neighbour stays away, RestoreLostError when another worker has taken over.
 */
export async function restorePages(run: RestoreRun): Promise<RestoreTally> {
  const { job, signal } = run
  let tally = job.report ?? emptyTally
  let since = performance.now()
  let next = preparePage(run, job.lastVersionId ?? null)
  for (;;) {
    const page = await next
    if (!page) return tally
    next = preparePage(run, page.lastVersionId)
    // Its failure is heard when its turn comes.
    next.catch(() => {})
    try {
      const documents = await write(run, page.recovered)
      const now = performance.now()
      const done = count(page.tally, documents)
      tally = addTally(tally, { ...done, seconds: (now - since) / 1_000 })
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

function write(run: RestoreRun, recovered: readonly Recovered[]): Promise<readonly Recovered[]> {
  return run.job.target === 'dry_run' ? Promise.resolve(recovered) : putBack(run, recovered)
}

function count(tally: RestoreTally, written: readonly Recovered[]): RestoreTally {
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
