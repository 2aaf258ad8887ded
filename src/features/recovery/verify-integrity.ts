import type { Database } from '../../platform/postgres/database.ts'
import type { TenantReads } from '../../platform/postgres/reads.ts'
import { checkContents } from './check-contents.ts'
import { checkDeadWrites } from './check-dead-writes.ts'
import { checkKeys } from './check-keys.ts'
import { checkOrphans } from './check-orphans.ts'
import { checkUsage } from './check-usage.ts'
import { checkVersions } from './check-versions.ts'
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
  const { database, signal, checked } = deps
  const tenants: { tenant: TenantDeps; size: Size }[] = []
  for (const tenantId of tenantIds) {
    const reads = database.reads.forTenant(tenantId, undefined, signal)
    const size = await measure(reads)
    checked.expected += size.rows
    tenants.push({ tenant: { ...deps, tenantId, reads }, size })
  }
  for (const { tenant, size } of tenants) {
    yield* checkUsage(tenant)
    yield* checkKeys(tenant)
    yield* checkContents(tenant)
    yield* checkVersions(tenant)
    yield* checkDeadWrites(tenant)
    yield* checkOrphans(tenant, size.largestBodyBytes)
    checked.tenants++
  }
}

interface Size {
  /** Contents, versions, bodies and history entries. */
  rows: number
  largestBodyBytes: number
}

const sizeSql = `
  select (select count(*) from content_items where tenant_id = $1)
      + 2 * count(*) + count(distinct document_id) as rows,
    coalesce(max(size_bytes), 0) as "largestBodyBytes"
  from content_versions where tenant_id = $1`

async function measure(reads: TenantReads): Promise<Size> {
  const [size] = await reads.rows<Size>(sizeSql, [reads.tenantId])
  return size ?? { rows: 0, largestBodyBytes: 0 }
}
