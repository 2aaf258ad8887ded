import type { Viewer } from '../../lib/viewer.ts'
import type { TenantReads } from '../../platform/postgres/reads.ts'
import type { ContentType } from './content.entity.ts'

export interface UsageOfType {
  type: ContentType
  count: number
  bytes: number
}

export interface UsageOfBrand {
  brandId: string | null
  items: number
  bytes: number
}

const byTypeSql = `
  select content_type as type, count(*) as count, sum(storage_size_bytes)::bigint as bytes
  from content_items where tenant_id = $1 and deleted_at is null
  group by 1 order by 3 desc, 1`

/** What the live contents of each type take, the largest first. */
export function sumUsageByType(reads: TenantReads): Promise<UsageOfType[]> {
  return reads.rows<UsageOfType>(byTypeSql, [reads.tenantId])
}

/** Brands out of the viewer's reach are added to the contents without a brand: the sum stays right. */
const byBrandSql = `
  select case when $2::uuid[] is null or brand_id = any($2::uuid[]) then brand_id end as "brandId",
    count(*) as items, sum(storage_size_bytes)::bigint as bytes
  from content_items where tenant_id = $1 and deleted_at is null
  group by 1 order by 3 desc, 1`

/** What the live contents of each brand take, the largest first. */
export function sumUsageByBrand(reads: TenantReads, viewer: Viewer): Promise<UsageOfBrand[]> {
  return reads.rows<UsageOfBrand>(byBrandSql, [reads.tenantId, viewer.brandIds])
}
