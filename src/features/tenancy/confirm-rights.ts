import type { EntityManager } from '@mikro-orm/postgresql'
import type { Access } from '../../lib/access.ts'
import { ForbiddenError } from '../../lib/errors.ts'
import { type Role, type Scope, scopesOfRole, type Viewer } from '../../lib/viewer.ts'

/**
 * Throws ForbiddenError unless whoever began an operation may still do what it has needed so far, in
 * `brands`: for transactions that commit what took long to prepare. The gateway's own work needs nothing.
 */
export async function confirmRights(
  tx: EntityManager,
  { viewer, access }: { viewer: Viewer; access: Access },
  brands: Iterable<string>,
): Promise<void> {
  if (access.held.size === 0) return
  const { scopes, brandIds } = (await findRights(tx, viewer)) ?? none
  const missing = [...access.held].filter((scope) => !scopes.has(scope))
  const isOutside = brandIds !== null && [...brands].some((id) => !brandIds.includes(id))
  if (missing.length === 0 && !isOutside) return
  throw new ForbiddenError(
    'You may no longer do this: your rights were changed while it was under way. Nothing was changed.',
    missing,
  )
}

interface Rights {
  scopes: ReadonlySet<Scope>
  /** Null for every brand. */
  brandIds: readonly string[] | null
}

const none: Rights = { scopes: new Set(), brandIds: [] }

function findRights(tx: EntityManager, viewer: Viewer): Promise<Rights | undefined> {
  return viewer.apiKey ? findOfKey(tx, viewer, viewer.apiKey.id) : findOfUser(tx, viewer)
}

async function findOfUser(
  tx: EntityManager,
  { tenantId, userId }: Viewer,
): Promise<Rights | undefined> {
  const [user] = await tx.execute<{ role: Role; brandIds: string[] }[]>(
    `select u.role, array(
       select m.brand_id::text from brand_members m
       where m.tenant_id = u.tenant_id and m.user_id = u.id
     ) as "brandIds"
     from users u where u.tenant_id = ? and u.id = ? and u.disabled_at is null`,
    [tenantId, userId],
  )
  if (!user) return undefined
  const { role, brandIds } = user
  return { scopes: scopesOfRole[role], brandIds: role === 'owner' ? null : brandIds }
}

async function findOfKey(
  tx: EntityManager,
  { tenantId }: Viewer,
  keyId: string,
): Promise<Rights | undefined> {
  const [key] = await tx.execute<{ scopes: Scope[]; brandIds: string[] | null }[]>(
    `select scopes, brand_ids::text[] as "brandIds" from api_keys
     where tenant_id = ? and id = ? and revoked_at is null
       and (expires_at is null or expires_at > now())`,
    [tenantId, keyId],
  )
  return key && { scopes: new Set(key.scopes), brandIds: key.brandIds }
}
