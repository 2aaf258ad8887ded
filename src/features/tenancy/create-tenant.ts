import { newId } from '../../lib/id.ts'
import type { Role } from '../../lib/viewer.ts'
import type { Database } from '../../platform/postgres/database.ts'
import { Brand } from './brand.entity.ts'
import { BrandMember } from './brand-member.entity.ts'
import { CampaignSpace } from './campaign-space.entity.ts'
import { type PlanTier, Tenant } from './tenant.entity.ts'
import { User } from './user.entity.ts'

export interface NewTenant {
  id: string
  name: string
  planTier: PlanTier
  users: readonly { subject: string; displayName: string; role: Role }[]
  /** Each with its campaign spaces; every user who is not an owner becomes a member. */
  brands: readonly {
    name: string
    campaignSpaces: readonly string[]
    voice?: string
    forbiddenWords?: readonly string[]
  }[]
}

export interface CreatedTenant {
  id: string
  users: { id: string; subject: string; role: Role }[]
  brands: { id: string; name: string; campaignSpaces: { id: string; name: string }[] }[]
}

/** A tenant with its people, brands and an empty usage account, in one transaction. */
export async function createTenant(database: Database, input: NewTenant): Promise<CreatedTenant> {
  const tenantId = input.id
  const users = input.users.map((user) => ({ id: newId(), ...user }))
  const brands = input.brands.map(({ campaignSpaces, ...brand }) => ({
    ...brand,
    id: newId(),
    campaignSpaces: campaignSpaces.map((space) => ({ id: newId(), name: space })),
  }))
  const createdAt = new Date()
  const row = <T extends object>(data: T) => ({ tenantId, createdAt, ...data })
  const members = users
    .filter(({ role }) => role !== 'owner')
    .flatMap((user) => brands.map((brand) => row({ brandId: brand.id, userId: user.id })))
  const spaces = brands.flatMap((brand) =>
    brand.campaignSpaces.map(({ id, name }) => row({ id, name, brandId: brand.id })),
  )
  await database.transaction(tenantId, async (tx) => {
    await tx.insert(Tenant, { id: tenantId, name: input.name, planTier: input.planTier, createdAt })
    await tx.insertMany(User, users.map(row))
    await tx.insertMany(
      Brand,
      brands.map(({ id, name, voice = null, forbiddenWords = [] }) =>
        row({ id, name, voice, forbiddenWords: [...forbiddenWords] }),
      ),
    )
    await tx.insertMany(BrandMember, members)
    await tx.insertMany(CampaignSpace, spaces)
    await tx.execute('insert into content_storage_usage (tenant_id) values (?)', [tenantId])
    await tx.execute('insert into tenant_feeds (tenant_id) values (?)', [tenantId])
  })
  return { id: tenantId, users, brands }
}
