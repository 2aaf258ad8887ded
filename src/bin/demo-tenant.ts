import { createTenant, type NewTenant } from '../features/tenancy/create-tenant.ts'
import type { Role } from '../lib/viewer.ts'
import type { Database } from '../platform/postgres/database.ts'

const tenant: NewTenant = {
  id: '0197c0de-0000-7000-8000-000000000001',
  name: 'Harbour Coffee',
  planTier: 'starter',
  users: [
    { subject: 'owner@demo', displayName: 'Olive Owner', role: 'owner' },
    { subject: 'editor@demo', displayName: 'Edgar Editor', role: 'editor' },
    { subject: 'viewer@demo', displayName: 'Vera Viewer', role: 'viewer' },
  ],
  brands: [
    {
      name: 'Harbour Coffee',
      campaignSpaces: ['Winter Roast'],
      voice: 'Warm and plain, like somebody behind the counter. No superlatives.',
      forbiddenWords: ['cheap', 'world-class'],
    },
  ],
}

/** The tenant `npm start` creates, so that there is something to look at. */
export const demoTenant = {
  claims: (role: Role, audience: string) => ({
    subject: `${role}@demo`,
    tenantId: tenant.id,
    audience,
  }),

  /** Creates it unless it is there; answers whether it was created now. */
  async ensure(database: Database): Promise<boolean> {
    const reads = database.reads.forTenant(tenant.id)
    const found = await reads.rows('select id from tenants where id = $1', [tenant.id])
    if (found.length > 0) return false
    await createTenant(database, tenant)
    return true
  },
}
