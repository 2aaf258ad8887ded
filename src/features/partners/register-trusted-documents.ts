import type { EntityManager } from '@mikro-orm/postgresql'
import { createHash } from 'node:crypto'
import { asStorageUnavailable, ValidationError } from '../../lib/errors.ts'
import { newId } from '../../lib/id.ts'
import type { Origin, Viewer } from '../../lib/viewer.ts'
import type { Plan } from '../../platform/plan.ts'
import type { Database } from '../../platform/postgres/database.ts'
import { recordAudit } from '../tenancy/record-audit.ts'

interface RegisterDeps {
  database: Database
  tenantId: string
  viewer: Viewer
  origin: Origin
  plan: Plan
}

export interface NewTrustedDocument {
  operationName: string
  body: string
}

/** What tenants register is kept for good and remembered in memory. */
const maxDocuments = 10_000

/** How clients name a document: SHA-256 of its text, in hex, as persisted documents are named everywhere. */
function documentIdOf(body: string): string {
  return createHash('sha256').update(body).digest('hex')
}

/**
 * Lets clients ask for these operations by their ids, which are answered in the same order. Registering
 * again what is there changes nothing. Throws ValidationError, StorageUnavailableError.
 */
export async function registerTrustedDocuments(
  deps: RegisterDeps,
  documents: readonly NewTrustedDocument[],
): Promise<string[]> {
  const rows = documents.map((document) => ({
    ...document,
    id: newId(),
    documentId: documentIdOf(document.body),
  }))
  const { database, tenantId, plan } = deps
  await database
    .transaction(tenantId, (tx) => registerIn(tx, deps, rows), plan)
    .catch(asStorageUnavailable)
  return rows.map(({ documentId }) => documentId)
}

interface Row extends NewTrustedDocument {
  id: string
  documentId: string
}

async function registerIn(
  tx: EntityManager,
  { tenantId, viewer, origin }: RegisterDeps,
  rows: readonly Row[],
): Promise<void> {
  // Deployments that register at the same time take turns, so that the count holds.
  await tx.execute(`select pg_advisory_xact_lock(hashtextextended('trusted:' || ?, 0))`, [tenantId])
  const registered = await tx.execute<Row[]>(
    `insert into trusted_documents
       (tenant_id, id, document_id, operation_name, body, created_by_user_id)
     select ?, d.id, d."documentId", d."operationName", d.body, ?
     from jsonb_to_recordset(?::jsonb)
       as d(id uuid, "documentId" text, "operationName" text, body text)
     on conflict (tenant_id, document_id) do nothing
     returning id, document_id as "documentId", operation_name as "operationName"`,
    [tenantId, viewer.userId, JSON.stringify(rows)],
  )
  await refuseTooMany(tx, tenantId)
  const events = registered.map(({ id, documentId, operationName }) => ({
    action: 'registerTrustedDocuments',
    subject: { type: 'TrustedDocument', id },
    before: null,
    after: { documentId, operationName },
  }))
  await recordAudit(tx, { tenantId, userId: viewer.userId, origin }, events)
}

async function refuseTooMany(tx: EntityManager, tenantId: string): Promise<void> {
  const [found] = await tx.execute<{ count: number }[]>(
    'select count(*)::integer as count from trusted_documents where tenant_id = ?',
    [tenantId],
  )
  const count = found?.count ?? 0
  if (count <= maxDocuments) return
  const message = `At most ${maxDocuments} documents are kept, and these would make ${count}.`
  throw new ValidationError([{ path: ['documents'], code: 'TOO_MANY', message }])
}
