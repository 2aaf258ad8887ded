import { daysOf } from '../../platform/bigquery/days.ts'
import type { Gap } from './find-gaps.ts'
import { findSharers } from './find-sharers.ts'
import { type Recovered, recover } from './recover-document.ts'
import { copiedVersions, type CopiedVersionRow } from './restore-queries.ts'
import type { RestoreRun } from './restore-run.ts'
import type { MissingDocument } from './restore-tally.ts'

export interface Recovery {
  recovered: Recovered[]
  missing: MissingDocument[]
  billedBytes: number
}

/** A gap that the copy does not fill, and why not. */
interface Unmet {
  gap: Gap
  reason: string
}

/**
 * Fetches what fills `gaps` from the copy, in one query, and holds each document against PostgreSQL. A
 * body that it does not have under its own version is asked for under those that share it.
 */
export async function readCopies(run: RestoreRun, gaps: readonly Gap[]): Promise<Recovery> {
  const recovery: Recovery = { recovered: [], missing: [], billedBytes: 0 }
  const own = await fetchCopies(
    run,
    gaps.map(({ version }) => version),
    recovery,
  )
  const unmet: Unmet[] = []
  for (const gap of gaps) {
    const found = await recover(gap, own.get(gap.version.id))
    if (typeof found === 'string') unmet.push({ gap, reason: found })
    else recovery.recovered.push(found)
  }
  const bodies = unmet.filter(({ gap }) => gap.kind === 'body')
  const lost = await readShared(run, bodies, recovery)
  recovery.missing = unmet
    .filter((one) => one.gap.kind === 'history' || lost.includes(one))
    .map(describe)
  return recovery
}

/** Each of them brings the whole body along. */
const sharersAtOnce = 4

/** Adds what versions that share these bodies have of them, and answers what none of them has. */
async function readShared(
  run: RestoreRun,
  bodies: readonly Unmet[],
  recovery: Recovery,
): Promise<readonly Unmet[]> {
  const sharers = await findSharers(
    run,
    bodies.map(({ gap }) => gap.version),
  )
  let unmet = bodies
  for (let start = 0; ; start += sharersAtOnce) {
    const asked = ({ gap }: Unmet) =>
      sharers.get(gap.version.documentId)?.slice(start, start + sharersAtOnce) ?? []
    const versions = unmet.flatMap(asked)
    if (versions.length === 0) return unmet
    const copies = await fetchCopies(run, versions, recovery)
    const left: Unmet[] = []
    for (const one of unmet) {
      const candidates = asked(one).map(({ id }) => copies.get(id))
      const found = await firstWhole(one.gap, candidates)
      if (found) recovery.recovered.push(found)
      else left.push(one)
    }
    unmet = left
  }
}

async function firstWhole(
  gap: Gap,
  candidates: readonly (CopiedVersionRow | undefined)[],
): Promise<Recovered | undefined> {
  for (const copy of candidates) {
    const found = await recover(gap, copy)
    if (typeof found !== 'string') return found
  }
  return undefined
}

const queryMs = 120_000

/** By version id; what BigQuery reads for it is added to the bill. */
async function fetchCopies(
  { bigquery, tenantId, signal }: RestoreRun,
  versions: readonly { id: string; createdAt: Date }[],
  bill: Pick<Recovery, 'billedBytes'>,
): Promise<ReadonlyMap<string, CopiedVersionRow>> {
  if (versions.length === 0) return new Map()
  const { rows, bytesProcessed } = await bigquery.query(
    copiedVersions,
    { tenantId, ...daysOf(versions.map(({ createdAt }) => createdAt)) },
    { versions: [...new Set(versions.map(({ id }) => id))] },
    { signal, timeoutMs: queryMs },
  )
  bill.billedBytes += bytesProcessed
  return new Map(rows.map((row) => [row.versionId, row]))
}

function describe({ gap: { kind, version }, reason }: Unmet): MissingDocument {
  const { id: versionId, contentId, documentId } = version
  return {
    kind,
    documentId: kind === 'body' ? documentId : versionId,
    versionId,
    contentId,
    reason,
  }
}
