import { findGaps } from './find-gaps.ts'
import { listWantedVersions } from './list-versions.ts'
import { readCopies } from './read-copies.ts'
import type { Recovered } from './recover-document.ts'
import type { RestoreRun } from './restore-run.ts'
import { emptyTally, type PageTally } from './restore-tally.ts'
import { withPatience } from './with-patience.ts'

/** Versions that are put back together. */
export interface PreparedPage {
  lastVersionId: string
  recovered: Recovered[]
  /** Of what nothing needs to be, or can be, put back. */
  tally: PageTally
}

/** Finds out what the next versions lack and fetches it; null at the end. Throws UpstreamError. */
export async function preparePage(
  run: RestoreRun,
  after: string | null,
  limit: number,
): Promise<PreparedPage | null> {
  const versions = await withPatience(run, () => listWantedVersions(run, after, limit))
  const last = versions.at(-1)
  if (!last) return null
  const gaps = await withPatience(run, () => findGaps(run, versions))
  const { recovered, missing, billedBytes } = await withPatience(run, () => readCopies(run, gaps))
  const countOf = (kind: 'body' | 'history', documents: number) => ({
    ...emptyTally.bodies,
    there: documents - gaps.filter((gap) => gap.kind === kind).length,
    missing: missing.filter((document) => document.kind === kind).length,
  })
  const bodies = versions.filter(({ ownsBody }) => ownsBody).length
  const tally = {
    ...emptyTally,
    versions: versions.length,
    bodies: countOf('body', bodies),
    history: countOf('history', versions.length),
    missing,
    billedBytes,
  }
  return { lastVersionId: last.id, recovered, tally }
}
