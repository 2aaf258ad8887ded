import type { Viewer } from '../../lib/viewer.ts'
import type { SqlParams } from '../../platform/postgres/sql-params.ts'

/** Whether contents in the trash are meant: none of them, also them, or only them. */
export type DeletedMode = 'EXCLUDE' | 'INCLUDE' | 'ONLY'

/**
 * The condition every read of contents carries, on every edge: this tenant, the viewer's brands
 * (E-010), and published contents only for whoever may not see drafts; the trash is theirs alone who
 * may. The alias is `c`.
 */
export function visibleContents(
  viewer: Viewer,
  params: SqlParams,
  deleted: DeletedMode = 'EXCLUDE',
): string {
  const conditions = [`c.tenant_id = ${params.add(viewer.tenantId)}`]
  if (viewer.brandIds) {
    conditions.push(
      `(c.brand_id is null or c.brand_id = any(${params.add(viewer.brandIds)}::uuid[]))`,
    )
  }
  const seesDrafts = viewer.scopes.has('CONTENT_READ_DRAFT')
  if (!seesDrafts) conditions.push(`c.status = 'published'`)
  if (deleted === 'ONLY') conditions.push(seesDrafts ? 'c.deleted_at is not null' : 'false')
  if (deleted === 'EXCLUDE' || !seesDrafts) conditions.push('c.deleted_at is null')
  return conditions.join(' and ')
}
