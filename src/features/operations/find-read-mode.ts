import { UpstreamError } from '../../lib/errors.ts'
import type { ReadMode } from '../../lib/viewer.ts'
import type { TenantReads } from '../../platform/postgres/reads.ts'

/** The tenant's read mode; null while PostgreSQL cannot be asked. */
export async function findReadMode(reads: TenantReads): Promise<ReadMode | null> {
  try {
    const [tenant] = await reads.rows<{ mode: ReadMode }>(
      `select read_mode as mode from tenants where id = $1`,
      [reads.tenantId],
    )
    return tenant?.mode ?? null
  } catch (error) {
    if (error instanceof UpstreamError) return null
    throw error
  }
}
