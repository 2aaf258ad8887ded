import type { DomainError } from '../../lib/errors.ts'
import type { Viewer } from '../../lib/viewer.ts'
import type { DocumentStore } from '../../platform/document-store.ts'
import type { Plan } from '../../platform/plan.ts'
import type { Database } from '../../platform/postgres/database.ts'
import type { ZeroDb } from '../../platform/zerodb.ts'
import type { ContentReadDeps } from './list-contents.ts'

/** What every write of contents needs. */
export interface WriteDeps extends ContentReadDeps {
  viewer: Viewer
  database: Database
  zerodb: ZeroDb
  documents: DocumentStore
  signal: AbortSignal
  plan: Plan
}

/** What to do with the good writes of a batch when one is bad. */
export type BatchErrorPolicy = 'REJECT_ALL' | 'REJECT_FAILED'

/** One write's end: the content it made or found made already, or why nothing was changed. */
export type WriteOutcome = { contentId: string } | { error: DomainError }

export function isFailed(outcome: WriteOutcome): outcome is { error: DomainError } {
  return 'error' in outcome
}
