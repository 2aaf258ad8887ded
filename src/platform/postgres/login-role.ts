import type pg from 'pg'
import { StartupError } from '../../lib/errors.ts'

interface Powers {
  name: string
  isSuperuser: boolean
  bypassesPolicies: boolean
  /** Or may become the owner. */
  isOwner: boolean
}

const sql = `
  select rolname as name, rolsuper as "isSuperuser", rolbypassrls as "bypassesPolicies",
    exists (
      select from pg_class
      where relnamespace = 'public'::regnamespace and pg_has_role(role.oid, relowner, 'member')
    ) as "isOwner"
  from pg_roles as role where rolname = session_user`

/**
 * Throws StartupError for a login role that row-level security does not hold back: the tenants would be
 * kept apart by our statements alone.
 */
export async function refusePowerfulRole(client: pg.ClientBase): Promise<void> {
  const { rows } = await client.query<Powers>(sql)
  for (const { name, isSuperuser, bypassesPolicies, isOwner } of rows) {
    const powers = [
      isSuperuser && 'is a superuser',
      bypassesPolicies && 'has BYPASSRLS',
      isOwner && !isSuperuser && 'owns tables, or may become their owner',
    ].filter((power) => power !== false)
    if (powers.length === 0) continue
    throw new StartupError(
      [
        `The role "${name}" of DATABASE_URL ${powers.join(' and ')}: row-level security does not bind it.`,
        'Connect as gateway_login; migrations/roles.sql makes it.',
      ],
      2,
    )
  }
}
