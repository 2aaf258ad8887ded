import type { Database } from '../../platform/postgres/database.ts'
import type { TenantReads } from '../../platform/postgres/reads.ts'
import { checkContents } from './check-contents.ts'
import { checkCopy } from './check-copy.ts'
import { checkJobs } from './check-jobs.ts'
import { checkKeys } from './check-keys.ts'
import { checkOrphans } from './check-orphans.ts'
import { checkPurges } from './check-purges.ts'
import { checkQueue } from './check-queue.ts'
import { checkUsage } from './check-usage.ts'
import { checkVersions } from './check-versions.ts'
import { checkWrites } from './check-writes.ts'
import type { Finding, IntegrityDeps, TenantDeps } from './finding.ts'

/** All tenants, or the one asked for if it exists. */
export async function listTenantIds(
  { reads }: Pick<Database, 'reads'>,
  tenantId: string | null = null,
): Promise<string[]> {
  const rows = await reads
    .asSystem()
    .rows<{ id: string }>(
      `select id from tenants where $1::uuid is null or id = $1::uuid order by id`,
      [tenantId],
    )
  return rows.map(({ id }) => id)
}

/**
 * Checks every invariant, tenant after tenant, and yields violations as they are found. Takes no
 * lock and may run beside any number of writers: what a write under way looks like is no finding.
 * Holds a page of rows at a time. Throws UpstreamError when a store cannot be asked.
 */
export async function* verifyIntegrity(
  deps: IntegrityDeps,
  tenantIds: readonly string[],
): AsyncGenerator<Finding, void> {
  for (const tenant of await measureTenants(deps, tenantIds)) yield* verifyTenant(tenant)
}

/** A tenant to be checked, and what that will take. */
export interface MeasuredTenant extends TenantDeps {
  largestBodyBytes: number
}

/** All before the first is checked, so that `expected` is known from the start. */
export async function measureTenants(
  deps: IntegrityDeps,
  tenantIds: readonly string[],
): Promise<MeasuredTenant[]> {
  const tenants: MeasuredTenant[] = []
  for (const tenantId of tenantIds) {
    const reads = deps.database.reads.forTenant(tenantId, undefined, deps.signal)
    const { rows, largestBodyBytes } = await measure(deps, reads)
    deps.checked.expected += rows
    tenants.push({ ...deps, tenantId, reads, largestBodyBytes })
  }
  return tenants
}

export async function* verifyTenant(tenant: MeasuredTenant): AsyncGenerator<Finding, void> {
  yield* checkUsage(tenant)
  yield* checkKeys(tenant)
  yield* checkContents(tenant)
  yield* checkVersions(tenant)
  yield* checkWrites(tenant)
  yield* checkQueue(tenant)
  yield* checkJobs(tenant)
  yield* checkPurges(tenant)
  yield* checkOrphans(tenant, tenant.largestBodyBytes)
  yield* checkCopy(tenant)
  tenant.checked.tenants++
}

interface Size {
  /** Contents, versions, what ZeroDB should hold of bodies and history entries, and copies. */
  rows: number
  largestBodyBytes: number
}

const sizeSql = `
  select (select count(*) from content_items where tenant_id = $1)
      - (select count(*) from queued_documents where tenant_id = $1)
      + (
        select coalesce(sum(cardinality(document_ids) + cardinality(history_ids)), 0)
        from content_tombstones where tenant_id = $1 and documents_removed_at is null
      )
      + (
        select count(*) from backup_outbox
        where tenant_id = $1 and $2 and operation <> 'purge' and backed_up_at is not null
      )
      + count(*) + count(*) filter (where documents_removed_at is null)
      + count(distinct document_id) filter (where documents_removed_at is null) as rows,
    coalesce(max(size_bytes), 0) as "largestBodyBytes"
  from content_versions where tenant_id = $1`

async function measure({ bigquery }: IntegrityDeps, reads: TenantReads): Promise<Size> {
  const [size] = await reads.rows<Size>(sizeSql, [reads.tenantId, bigquery !== null])
  return size ?? { rows: 0, largestBodyBytes: 0 }
}
