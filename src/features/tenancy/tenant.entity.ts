import { defineEntity, p } from '@mikro-orm/postgresql'
import type { ReadMode } from '../../lib/viewer.ts'

export const planTiers = ['free', 'starter', 'professional', 'business', 'enterprise'] as const
export type PlanTier = (typeof planTiers)[number]

export const TenantSchema = defineEntity({
  name: 'Tenant',
  tableName: 'tenants',
  properties: {
    id: p.uuid().primary(),
    name: p.text(),
    planTier: p.text().$type<PlanTier>(),
    readMode: p.text().$type<ReadMode>().default('auto'),
    readModeSince: p.datetime(3).defaultRaw('now()'),
    createdAt: p.datetime(3),
  },
})

/** A customer: the wall that nothing crosses. */
export class Tenant extends TenantSchema.class {}
TenantSchema.setClass(Tenant)
