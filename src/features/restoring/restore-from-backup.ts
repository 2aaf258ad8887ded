import type { EntityManager } from '@mikro-orm/postgresql'
import {
  asStorageUnavailable,
  ConcurrencyLimitError,
  type FieldIssue,
  ValidationError,
} from '../../lib/errors.ts'
import { newId } from '../../lib/id.ts'
import type { Origin, Viewer } from '../../lib/viewer.ts'
import type { BigQuery } from '../../platform/bigquery.ts'
import type { Config } from '../../platform/config.ts'
import type { Database } from '../../platform/postgres/database.ts'
import { enqueue } from '../../platform/tasks.ts'
import { recordAudit } from '../tenancy/record-audit.ts'
import { restoreBell } from './restore-bell.ts'
import type { RestoreTarget } from './restore-job.entity.ts'

export interface RestoreRequest {
  /** Versions written up to then. */
  asOf: Date
  /** Null: of every brand, and of none. */
  brandId: string | null
  /** Null: all. */
  contentIds: readonly string[] | null
  target: RestoreTarget
}

export interface RequestDeps {
  database: Database
  tenantId: string
  viewer: Pick<Viewer, 'userId'>
  origin: Origin
  bigquery: BigQuery | null
  config: Pick<Config, 'RESTORE_ZERODB_PROJECT_ID'>
}

export const maxContentIds = 1_000

/**
 * Begins a restore and answers its id; a worker does the rest. What is put back are documents that
 * versions in PostgreSQL have and ZeroDB lacks: what was deleted stays so, and usage does not change.
 * Throws ValidationError, ConcurrencyLimitError, StorageUnavailableError.
 */
export async function restoreFromBackup(
  deps: RequestDeps,
  request: RestoreRequest,
): Promise<string> {
  const issues = check(deps, request)
  if (issues.length > 0) throw new ValidationError(issues)
  const submit = (tx: EntityManager) => submitRestore(tx, deps, request)
  return deps.database.transaction(deps.tenantId, submit).catch(asStorageUnavailable)
}

const issue = (field: string, code: string, message: string): FieldIssue => ({
  path: ['input', field],
  code,
  message,
})

function check(
  { bigquery, config }: RequestDeps,
  { asOf, contentIds, target }: RestoreRequest,
): FieldIssue[] {
  const issues: FieldIssue[] = []
  if (!bigquery) {
    const message = 'there is nothing to restore from: set BIGQUERY_PROJECT_ID, see .env.example'
    issues.push(issue('target', 'NO_RECOVERY_COPY', message))
  }
  if (target === 'new_zerodb_project' && !config.RESTORE_ZERODB_PROJECT_ID) {
    const message = 'needs another project to fill: set RESTORE_ZERODB_PROJECT_ID'
    issues.push(issue('target', 'NOT_CONFIGURED', message))
  }
  if (asOf.getTime() > Date.now()) {
    const message = `is in the future: ${asOf.toISOString()}. Leave out what is not there yet`
    issues.push(issue('asOf', 'IN_THE_FUTURE', message))
  }
  if (contentIds && (contentIds.length === 0 || contentIds.length > maxContentIds)) {
    const message = `must be 1 to ${maxContentIds} ids, and has ${contentIds.length}`
    issues.push(issue('contentIds', 'WRONG_COUNT', message))
  }
  return issues
}

async function submitRestore(
  tx: EntityManager,
  { tenantId, viewer, origin }: RequestDeps,
  request: RestoreRequest,
): Promise<string> {
  await checkSelection(tx, tenantId, request)
  await waitForOthers(tx, tenantId)
  const id = newId()
  const { asOf, brandId, contentIds, target } = request
  await tx.execute(
    `insert into restore_jobs (tenant_id, id, user_id, as_of, brand_id, content_ids, target)
     values (?, ?, ?, ?, ?, ?::uuid[], ?)`,
    [tenantId, id, viewer.userId, asOf, brandId, arrayOf(contentIds), target],
  )
  await recordAudit(tx, { tenantId, userId: viewer.userId, origin }, [
    {
      action: 'restoreFromBackup',
      subject: { type: 'RestoreJob', id },
      before: null,
      after: { as_of: asOf, brand_id: brandId, contents: contentIds?.length ?? null, target },
    },
  ])
  await enqueue(tx, restoreBell, { tenantId, jobId: id }, { key: id })
  return id
}

/** One restore of a tenant at a time: two would write the same documents. */
async function waitForOthers(tx: EntityManager, tenantId: string): Promise<void> {
  await tx.execute('select pg_advisory_xact_lock(hashtextextended(?, 0))', [`restores:${tenantId}`])
  const unfinished = await tx.execute<unknown[]>(
    `select id from restore_jobs where tenant_id = ? and status in ('pending', 'running')`,
    [tenantId],
  )
  if (unfinished.length === 0) return
  throw new ConcurrencyLimitError(1, unfinished.length, 'Wait until the restore is over.')
}

async function checkSelection(
  tx: EntityManager,
  tenantId: string,
  { brandId, contentIds }: RestoreRequest,
): Promise<void> {
  const issues: FieldIssue[] = []
  const brands = await tx.execute<unknown[]>(
    `select id from brands where tenant_id = ? and id = ?`,
    [tenantId, brandId],
  )
  if (brandId && brands.length === 0) {
    issues.push(issue('brandId', 'NOT_FOUND', 'there is no such brand'))
  }
  const ids = [...new Set(contentIds)]
  const found = await tx.execute<unknown[]>(
    `select id from content_items where tenant_id = ? and id = any(?::uuid[])`,
    [tenantId, arrayOf(ids)],
  )
  if (found.length < ids.length) {
    const message = `${ids.length - found.length} of the contents are not there, or purged`
    issues.push(issue('contentIds', 'NOT_FOUND', message))
  }
  if (issues.length > 0) throw new ValidationError(issues)
}

function arrayOf(ids: readonly string[] | null): string | null {
  return ids && `{${ids.join(',')}}`
}
