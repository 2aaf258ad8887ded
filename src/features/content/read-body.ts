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

/**
 * The document for whoever writes with it: from memory, ZeroDB, or what waits in PostgreSQL for ZeroDB.
 * Never from the recovery copy: a version must not be made of a document that ZeroDB has lost. Null when
 * it is in none of them. Throws UpstreamError.
 */
export async function readBody(
  deps: BodyReadDeps,
  ref: DocumentRef,
): Promise<StoredDocument | null> {
  try {
    const document = await deps.documents.get(deps.tenantId, ref, deps)
    if (document) return document
  } catch (error) {
    const queued = error instanceof UpstreamError ? await readQueued(deps, ref) : null
    if (queued) return queued
    throw error
  }
  return readQueued(deps, ref)
}

async function readQueued(deps: BodyReadDeps, ref: DocumentRef): Promise<StoredDocument | null> {
  return (await readQueuedBodies(deps, [ref])).get(ref.id) ?? null
}

/** Bodies that wait in PostgreSQL for ZeroDB, by the ids of their documents; a damaged one is none. */
export async function readQueuedBodies(
  deps: Pick<BodyReadDeps, 'reads' | 'tenantId'>,
  refs: readonly DocumentRef[],
): Promise<Map<string, StoredDocument>> {
  const ids = refs.map(({ id }) => id)
  const rows = await findQueued(deps, bodyTable, ids)
  const documents = new Map<string, StoredDocument>()
  for (const { id, sha256 } of refs) {
    const row = rows.get(id)
    const document = row && (await decodeBody(id, row).catch(() => undefined))
    if (document?.sha256 === sha256) documents.set(id, document)
  }
  return documents
}
