import {
  type ReadMode,
  type Role,
  type Scope,
  scopesOfRole,
  type Viewer,
} from '../../lib/viewer.ts'
import type { TenantReads } from '../../platform/postgres/reads.ts'

interface ViewerRow {
  id: string
  role: Role
  brandIds: string[]
  readMode: ReadMode
}

const findSql = `
  select u.id, u.role, array(
    select m.brand_id::text from brand_members m
    where m.tenant_id = u.tenant_id and m.user_id = u.id
  ) as "brandIds", t.read_mode as "readMode"
  from users u join tenants t on t.id = u.tenant_id
  where u.tenant_id = $1 and u.subject = $2 and u.disabled_at is null`

/**
 * Who a token's subject is in this tenant right now, or null. The role decides the scopes;
 * `tokenScopes`, when the token carries any, can only take some away.
 */
export async function findViewer(
  reads: TenantReads,
  subject: string,
  tokenScopes?: readonly string[],
): Promise<Viewer | null> {
  const [row] = await reads.rows<ViewerRow>(findSql, [reads.tenantId, subject])
  if (!row) return null
  const held: ReadonlySet<Scope> = scopesOfRole[row.role]
  return {
    tenantId: reads.tenantId,
    userId: row.id,
    apiKey: null,
    scopes: tokenScopes ? new Set([...held].filter((scope) => tokenScopes.includes(scope))) : held,
    brandIds: row.role === 'owner' ? null : row.brandIds,
    readMode: row.readMode,
  }
}
