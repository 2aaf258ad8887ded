import { daysOf } from '../../platform/bigquery/days.ts'
import type { TenantReads } from '../../platform/postgres/reads.ts'

/** The days of the recovery copy that can hold anything of this tenant: nothing is older than it. */
export async function findTenantDays(reads: TenantReads): Promise<{ from: Date; to: Date }> {
  const [tenant] = await reads.rows<{ createdAt: Date; now: Date }>(
    `select created_at as "createdAt", now() as now from tenants where id = $1`,
    [reads.tenantId],
  )
  return daysOf(tenant ? [tenant.createdAt, tenant.now] : [])
}
