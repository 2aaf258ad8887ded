import { limitJson } from '../quota/plan-tiers.ts'

/** HOT is kept and in reach; EXPIRING will not be for long; of EXPIRED only the light half is left. */
export const versionRetentions = ['HOT', 'PINNED', 'EXPIRING', 'EXPIRED'] as const
export type VersionRetention = (typeof versionRetentions)[number]

/** So long before its end a version counts as EXPIRING. */
const expiringDays = 7

/**
 * Unpinned versions kept of one content, whatever the plan: or a flood of edits of one text, each of
 * which the limit counts once, would fill the store (F14).
 */
export const maxKeptVersions = 100

const retentionDaysByTier = limitJson(({ retentionDays }) => retentionDays)

/** What the tenant's plan says by now, as SQL; null is for ever. */
export function retentionDaysOf(tenantId: string): string {
  return `(
    select ('${retentionDaysByTier}'::jsonb ->> t.plan_tier)::integer
    from tenants t where t.id = ${tenantId}::uuid
  )`
}

/** The same for the tenant of version `v`. */
export const retentionDaysSql = retentionDaysOf('v.tenant_id')

/** When version `v` expired, or will: so many days after the next one took its place. */
export const expiresAtSql = `coalesce(v.expired_at, case when v.pinned_at is null then (
  select s.created_at from content_versions s
  where s.tenant_id = v.tenant_id and s.content_id = v.content_id
    and s.version_number = v.version_number + 1
) + make_interval(days => ${retentionDaysSql}) end)`

/** The same as a `VersionRetention`. */
export const retentionSql = `case
  when v.expired_at is not null then 'EXPIRED'
  when v.pinned_at is not null then 'PINNED'
  when ${expiresAtSql} < now() + interval '${expiringDays} days' then 'EXPIRING'
  else 'HOT' end`
