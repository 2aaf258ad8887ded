import { align } from '../../lib/align.ts'
import type { Viewer } from '../../lib/viewer.ts'
import type { TenantReads } from '../../platform/postgres/reads.ts'
import { selectList } from '../../platform/postgres/select-list.ts'
import { type AuditEvent, AuditEventSchema } from './audit-event.entity.ts'
import { type Brand, BrandSchema } from './brand.entity.ts'
import { type CampaignSpace, CampaignSpaceSchema } from './campaign-space.entity.ts'
import { type Tenant, TenantSchema } from './tenant.entity.ts'
import { type User, UserSchema } from './user.entity.ts'

export interface TenancyDeps {
  reads: TenantReads
  tenantId: string
  viewer: Viewer
}

const brandsSql = `
  select ${selectList(BrandSchema, 'b')} from brands b
  where b.tenant_id = $1 and b.id = any($2::uuid[])
    and ($3::uuid[] is null or b.id = any($3::uuid[]))`

/** Brands within the viewer's reach, in key order. */
export async function loadBrands(deps: TenancyDeps, ids: readonly string[]) {
  const { reads, tenantId, viewer } = deps
  const found = await reads.rows<Brand>(brandsSql, [tenantId, ids, viewer.brandIds])
  return align(ids, found, (brand) => brand.id)
}

const brandListSql = `
  select ${selectList(BrandSchema, 'b')} from brands b
  where b.tenant_id = $1 and ($2::uuid[] is null or b.id = any($2::uuid[]))
  order by b.name, b.id limit 100`

/** The viewer's brands by name, the first hundred. */
export function listBrands({ reads, tenantId, viewer }: TenancyDeps): Promise<Brand[]> {
  return reads.rows<Brand>(brandListSql, [tenantId, viewer.brandIds])
}

const campaignSpacesSql = `
  select ${selectList(CampaignSpaceSchema, 's')} from campaign_spaces s
  where s.tenant_id = $1 and s.id = any($2::uuid[])
    and ($3::uuid[] is null or s.brand_id = any($3::uuid[]))`

/** Campaign spaces of brands within the viewer's reach, in key order. */
export async function loadCampaignSpaces(deps: TenancyDeps, ids: readonly string[]) {
  const { reads, tenantId, viewer } = deps
  const found = await reads.rows<CampaignSpace>(campaignSpacesSql, [tenantId, ids, viewer.brandIds])
  return align(ids, found, (space) => space.id)
}

const usersSql = `
  select ${selectList(UserSchema, 'u')} from users u
  where u.tenant_id = $1 and u.id = any($2::uuid[])`

/** People of the tenant, in key order. */
export async function loadUsers({ reads, tenantId }: TenancyDeps, ids: readonly string[]) {
  const found = await reads.rows<User>(usersSql, [tenantId, ids])
  return align(ids, found, (user) => user.id)
}

const tenantsSql = `
  select ${selectList(TenantSchema, 't')} from tenants t where t.id = $1 and t.id = any($2::uuid[])`

/** The viewer's own tenant; any other id is null. */
export async function loadTenants({ reads, tenantId }: TenancyDeps, ids: readonly string[]) {
  const found = await reads.rows<Tenant>(tenantsSql, [tenantId, ids])
  return align(ids, found, (tenant) => tenant.id)
}

const auditEventsSql = `
  select ${selectList(AuditEventSchema, 'a')} from audit_events a
  where a.tenant_id = $1 and a.id = any($2::uuid[])`

/** Audit events of the tenant, in key order. */
export async function loadAuditEvents({ reads, tenantId }: TenancyDeps, ids: readonly string[]) {
  const found = await reads.rows<AuditEvent>(auditEventsSql, [tenantId, ids])
  return align(ids, found, (event) => event.id)
}
