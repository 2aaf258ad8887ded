import type { Viewer } from '../../lib/viewer.ts'
import type { SqlParams } from '../../platform/postgres/sql-params.ts'

/**
 * The condition every read of contents carries, on every edge: this tenant, the viewer's brands
 * (E-010), and published contents only for whoever may not see drafts. The alias is `c`.
 */
export function visibleContents(viewer: Viewer, params: SqlParams): string {
  const conditions = [`c.tenant_id = ${params.add(viewer.tenantId)}`]
  if (viewer.brandIds) {
    conditions.push(
      `(c.brand_id is null or c.brand_id = any(${params.add(viewer.brandIds)}::uuid[]))`,
    )
  }
  if (!viewer.scopes.has('CONTENT_READ_DRAFT')) conditions.push(`c.status = 'published'`)
  return conditions.join(' and ')
}
