import { plans, storageLimitBytes } from '../../../../src/features/quota/plan-tiers.ts'
import type { PlanTier } from '../../../../src/features/tenancy/tenant.entity.ts'
import type { TestGateway, TestTenant } from '../../../support/gateway.ts'
import type { Answer } from '../../../support/outcome.ts'

/** A content as the account sees it. */
export interface Counted {
  id: string
  bytes: number
  firstBytes: number
  deleted: boolean
}

/** What the account must say after each command. */
export interface Model {
  tier: PlanTier
  contents: Counted[]
  /** Of writers that have begun and sleep. */
  reserved: number
}

/** A tenant under test, and its writers that were put to sleep. */
export interface Real {
  gateway: TestGateway
  tenant: TestTenant
  /** Begins a write that comes no further than its reservation until it is woken. */
  startSleeper(write: () => Promise<Answer>): Promise<void>
  /** Wakes all of them; answers what they come to. */
  wakeSleepers(): Promise<Answer[]>
}

export interface Account {
  used: number
  reserved: number
  items: number
}

export function accountOf({ contents, reserved }: Model): Account {
  const live = contents.filter(({ deleted }) => !deleted)
  return {
    used: live.reduce((sum, content) => sum + content.bytes, 0),
    reserved,
    items: live.length,
  }
}

/** Bytes of contents that the plans have room for: a few contents each, so that limits are met. */
const room: Partial<Record<PlanTier, number>> = { free: 2_000, starter: 5_000 }

export function fits(model: Model, growth: number): boolean {
  const { used, reserved } = accountOf(model)
  return growth <= 0 || used + reserved + growth <= (room[model.tier] ?? Infinity)
}

/** Puts the tenant on another plan, most of which its media take. */
export async function setTier(
  { database }: TestGateway,
  { id }: TestTenant,
  tier: PlanTier,
): Promise<void> {
  const media = (storageLimitBytes(plans[tier]) ?? 0) - (room[tier] ?? 0)
  await database.admin.query('update tenants set plan_tier = $2 where id = $1', [id, tier])
  await database.admin.query(
    'update content_storage_usage set total_media_storage_bytes = $2 where tenant_id = $1',
    [id, Math.max(0, media)],
  )
}

export async function readAccount({ gateway, tenant }: Real): Promise<Account | undefined> {
  const { rows } = await gateway.database.admin.query<Account>(
    `select total_storage_bytes::integer as used, reserved_bytes::integer as reserved,
       total_content_items::integer as items
     from content_storage_usage where tenant_id = $1`,
    [tenant.id],
  )
  return rows[0]
}
