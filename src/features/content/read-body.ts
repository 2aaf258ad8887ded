import { UpstreamError } from '../../lib/errors.ts'
import {
  decodeBody,
  type DocumentRef,
  type DocumentStore,
  type StoredDocument,
} from '../../platform/document-store.ts'
import type { Plan } from '../../platform/plan.ts'
import type { TenantReads } from '../../platform/postgres/reads.ts'
import { bodyTable } from './documents.ts'
import { findQueued } from './queued-documents.ts'

export interface BodyReadDeps {
  documents: DocumentStore
  reads: TenantReads
  tenantId: string
  signal: AbortSignal
  plan: Plan
}

/** A body's document, and the store it came from. */
export interface FoundBody {
  document: StoredDocument
  store: 'zerodb' | 'postgres'
}

/**
 * The document, down the ladder: memory, ZeroDB, and what waits in PostgreSQL for ZeroDB. At once when
 * it is in memory, so that a warm page makes no promises; null when no store has it. Throws UpstreamError.
 */
export function readBody(
  deps: BodyReadDeps,
  ref: DocumentRef,
): FoundBody | Promise<FoundBody | null> {
  const found = deps.documents.get(deps.tenantId, ref, deps)
  if (!(found instanceof Promise)) return { document: found, store: 'zerodb' }
  return found.then(
    (document): FoundBody | Promise<FoundBody | null> =>
      document ? { document, store: 'zerodb' } : readQueued(deps, ref),
    async (error: unknown) => {
      const queued = error instanceof UpstreamError ? await readQueued(deps, ref) : null
      if (queued) return queued
      throw error
    },
  )
}

/** Pages of these share a round trip: their failures arrive in one tick. */
async function readQueued(
  deps: BodyReadDeps,
  { id, sha256 }: DocumentRef,
): Promise<FoundBody | null> {
  const row = (await findQueued(deps, bodyTable, [id])).get(id)
  if (!row) return null
  const document = await decodeBody(id, row)
  return document.sha256 === sha256 ? { document, store: 'postgres' } : null
}
