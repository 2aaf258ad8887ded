import { UpstreamError } from '../../lib/errors.ts'
import type { Viewer } from '../../lib/viewer.ts'
import type { RecoveryCopy } from '../../platform/recovery-copy.ts'
import { type HistoryEntry, historyTable, readHistoryRow } from '../content/documents.ts'
import { findCopiedVersions } from '../content/find-copied-versions.ts'
import { notCopied } from '../content/missed-body.loaders.ts'
import { findQueued } from '../content/queued-documents.ts'
import {
  type HistoryReadDeps,
  loadHistorySettled,
  type RetainedVersion,
} from './content-version.loaders.ts'

interface HistoryDeps extends HistoryReadDeps {
  viewer: Viewer
  recoveryCopy: RecoveryCopy | null
  plan: HistoryReadDeps['plan'] & { bigquery: number; cacheHits: number }
}

type Settled = HistoryEntry | UpstreamError | null

/**
 * History entries for whoever looks at them, in key order: from where the read mode says, and from the
 * recovery copy while ZeroDB is away or has lost them. Null for one that no store has, in place of others
 * the failure.
 */
export async function readHistory(
  deps: HistoryDeps,
  versions: readonly RetainedVersion[],
): Promise<Settled[]> {
  const ids = versions.map(({ id }) => id)
  const isPrimary = deps.viewer.readMode !== 'fallback'
  const settled = isPrimary ? await loadHistorySettled(deps, ids) : await loadQueued(deps, ids)
  const missed = versions.filter((_, index) => !isEntry(settled[index] ?? null))
  if (missed.length === 0 || deps.viewer.readMode === 'primary') return settled
  const copied = await readCopied(deps, missed)
  return settled.map((known, index) => {
    if (isEntry(known)) return known
    const found = copied.get(ids[index] ?? '') ?? null
    if (isEntry(found)) return found
    // Why ZeroDB did not give it tells more than why the copy did not, unless it was never asked.
    return isPrimary ? (known ?? found) : (found ?? known)
  })
}

function isEntry(settled: Settled): settled is HistoryEntry {
  return settled !== null && !(settled instanceof UpstreamError)
}

async function loadQueued(deps: HistoryDeps, ids: readonly string[]): Promise<Settled[]> {
  const queued = await findQueued(deps, historyTable, ids)
  return ids.map((id) => {
    const row = queued.get(id)
    return row ? readHistoryRow(row) : notCopied()
  })
}

async function readCopied(
  { recoveryCopy, tenantId, signal, plan, reads }: HistoryDeps,
  versions: readonly RetainedVersion[],
): Promise<Map<string, Settled>> {
  if (!recoveryCopy) return new Map()
  const wanted = versions.map(({ contentId, versionNumber: version }) => ({ contentId, version }))
  const copied = await findCopiedVersions({ reads, tenantId }, wanted)
  const read = async ({ id }: RetainedVersion, index: number): Promise<[string, Settled]> => {
    const ref = copied[index]
    if (ref?.versionId !== id) return [id, null]
    try {
      const found = await recoveryCopy.get(tenantId, ref, { signal, plan })
      return [id, found?.history ? readHistoryRow(found.history) : null]
    } catch (error) {
      if (error instanceof UpstreamError) return [id, error]
      throw error
    }
  }
  return new Map(await Promise.all(versions.map(read)))
}
