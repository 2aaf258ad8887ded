import { UpstreamError } from '../../lib/errors.ts'
import type { Viewer } from '../../lib/viewer.ts'
import type { DocumentRef, StoredDocument } from '../../platform/document-store.ts'
import type { RecoveryCopy } from '../../platform/recovery-copy.ts'
import type { BodyFormat } from './content.entity.ts'
import { readHistoryRow } from './documents.ts'
import { findCopiedVersions, type VersionInCopy } from './find-copied-versions.ts'
import { type BodyReadDeps, readQueuedBodies } from './read-body.ts'

/** For whoever asks the recovery copy alone. */
export function notCopied(): UpstreamError {
  const message = 'it does not have this version yet'
  return new UpstreamError('recovery copy', 'unavailable', message, { retryAfterMs: 60_000 })
}

export interface MissedBodyDeps extends Omit<BodyReadDeps, 'documents'> {
  viewer: Viewer
  recoveryCopy: RecoveryCopy | null
}

/** A body that ZeroDB did not give. */
export interface MissedBody extends DocumentRef {
  contentId: string
  /** Of the content. */
  version: number
  /** Whether an earlier version's body is better than none. */
  mayBeOlder: boolean
  /** Why; null when ZeroDB has lost it. */
  failure: UpstreamError | null
}

/** A body, and the store it came from. */
export interface FoundBody {
  document: StoredDocument
  store: 'zerodb' | 'postgres' | 'bigquery'
  /** Set when it is that of an earlier version than the one that was asked for. */
  older?: { version: number; format: BodyFormat; at: Date }
}

/**
 * The rest of the ladder, for a page: what waits in PostgreSQL for ZeroDB, then the recovery copy. One
 * round trip tells what either of them has, one query brings what the copy has. In key order; null for a
 * body that no store has, in place of others the failure.
 */
export async function loadMissedBodies(
  deps: MissedBodyDeps,
  missed: readonly MissedBody[],
): Promise<(FoundBody | UpstreamError | null)[]> {
  const usesCopy = deps.recoveryCopy !== null && deps.viewer.readMode !== 'primary'
  const [queued, copied] = await Promise.all([
    readQueuedBodies(deps, missed),
    usesCopy ? findCopiedVersions(deps, missed) : [],
  ])
  return Promise.all(
    missed.map(async (body, index): Promise<FoundBody | UpstreamError | null> => {
      const document = queued.get(body.id)
      if (document) return { document, store: 'postgres' }
      return readCopied(deps, body, copied[index] ?? null)
    }),
  )
}

async function readCopied(
  { recoveryCopy, tenantId, viewer, signal, plan }: MissedBodyDeps,
  body: MissedBody,
  copied: VersionInCopy | null,
): Promise<FoundBody | UpstreamError | null> {
  const isSame = copied?.documentId === body.id && copied.sha256 === body.sha256
  if (!copied || !recoveryCopy || !(isSame || body.mayBeOlder)) return body.failure
  try {
    const found = await recoveryCopy.get(tenantId, copied, { signal, plan })
    if (!found) return body.failure
    const { document, history } = found
    if (isSame) return { document, store: 'bigquery' }
    if (!history) return body.failure
    const { snapshot } = readHistoryRow(history)
    // What is public by now was perhaps written by a draft that never was.
    const isVisible = snapshot.status === 'published' || viewer.scopes.has('CONTENT_READ_DRAFT')
    if (!isVisible) return body.failure
    const older = { version: copied.version, format: snapshot.body.format, at: copied.at }
    return { document, store: 'bigquery', older }
  } catch (error) {
    if (!(error instanceof UpstreamError)) throw error
    // Who asked the copy alone hears of it; else why ZeroDB did not give the body tells more.
    return viewer.readMode === 'fallback' ? error : (body.failure ?? error)
  }
}
