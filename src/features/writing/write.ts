import type { DomainError } from '../../lib/errors.ts'
import type { Access } from '../../lib/access.ts'
import type { Origin, Viewer } from '../../lib/viewer.ts'
import type { DocumentStore } from '../../platform/document-store.ts'
import type { Plan } from '../../platform/plan.ts'
import type { Database } from '../../platform/postgres/database.ts'
import type { ZeroDb } from '../../platform/zerodb.ts'
import type { ContentReadDeps } from '../content/list-contents.ts'

/** What every write of contents needs. */
export interface WriteDeps extends ContentReadDeps {
  viewer: Viewer
  database: Database
  zerodb: ZeroDb
  documents: DocumentStore
  signal: AbortSignal
  plan: Plan
  access: Access
  origin: Origin
}

/** What to do with the good writes of a batch when one is bad. */
export type BatchErrorPolicy = 'REJECT_ALL' | 'REJECT_FAILED'

/** What to do while ZeroDB cannot take a write's documents: say so, or keep them until it can. */
export type OnUnavailable = 'FAIL' | 'QUEUE'

/** The content that a write made or changed, or found made already by the same call. */
export interface Written {
  contentId: string
  /** The version it made; that of now when there was nothing to change. */
  version: number
}

/** One write's end: what it did, or why nothing was changed. */
export type WriteOutcome = Written | { error: DomainError }

export function isFailed(outcome: WriteOutcome): outcome is { error: DomainError } {
  return 'error' in outcome
}

/** What a single write did; throws the error it ended in. */
export function writtenOrThrow([outcome]: readonly WriteOutcome[]): Written {
  if (!outcome) throw new TypeError('A write has exactly one outcome')
  if (isFailed(outcome)) throw outcome.error
  return outcome
}
