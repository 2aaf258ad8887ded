import type { TenantReads } from '../../platform/postgres/reads.ts'
import {
  type BackupStatus,
  type BackupStatusDeps,
  findBackupStatus,
} from '../backup/backup-status.ts'
import { countedBytes, findQuota, projectionOf } from '../quota/find-quota.ts'
import type { PlanTier } from '../tenancy/tenant.entity.ts'

/** What a tenant has stored, of what it may. */
export interface TenantUsage {
  bytes: number
  percent: number | null
}

/** The tenants that the viewer sees: their own. */
export async function listUsage(reads: TenantReads): Promise<TenantUsage[]> {
  const quota = await findQuota(reads)
  if (!quota) return []
  return [{ bytes: countedBytes(quota.usage), percent: projectionOf(quota).usagePercent }]
}

export function findBackup(deps: BackupStatusDeps): Promise<BackupStatus> {
  return findBackupStatus(deps)
}

/** A number of one day. */
export interface TimePoint {
  at: Date
  value: number
}

/** How many contents came into being on each of the last `days` days in UTC, whatever became of them. */
export function countCreations(reads: TenantReads, days: number): Promise<TimePoint[]> {
  // Live ones and those in the trash each have an index of their own.
  return reads.rows<TimePoint>(
    `with first as (
       select date_trunc('day', now()) - make_interval(days => $2::integer - 1) as day
     ), created as (
       select date_trunc('day', c.created_at) as day from content_items c, first
       where c.tenant_id = $1 and c.created_at >= first.day and c.deleted_at is null
       union all
       select date_trunc('day', c.created_at) from content_items c, first
       where c.tenant_id = $1 and c.created_at >= first.day and c.deleted_at is not null
     )
     select days.day as at, count(created.day)::integer as value
     from first, generate_series(first.day, now(), '1 day') days (day)
       left join created on created.day = days.day
     group by days.day order by days.day`,
    [reads.tenantId, days],
  )
}

/** How ZeroDB answered within a while; of several instances and minutes, the worst. */
export interface LatencyPoint {
  at: Date
  p50Ms: number
  p95Ms: number
  p99Ms: number
  requests: number
  failures: number
}

const maxPoints = 300

/** The range in at most 300 steps of whole minutes; steps in which nothing was asked are left out. */
export function listLatencies(
  reads: TenantReads,
  { from, to }: { from: Date; to: Date },
): Promise<LatencyPoint[]> {
  const minutes = Math.ceil((to.getTime() - from.getTime()) / 60_000 / maxPoints)
  return reads.rows<LatencyPoint>(
    `select date_bin(make_interval(mins => $3), minute, $1) as at, max(p50_ms) as "p50Ms",
       max(p95_ms) as "p95Ms", max(p99_ms) as "p99Ms",
       sum(requests)::integer as requests, sum(failures)::integer as failures
     from stores.zerodb_minutes where minute >= $1 and minute < $2 group by 1 order by 1`,
    [from, to, minutes],
  )
}

/** Writes under one plan that the storage limit refused, among all that came. */
export interface TierRate {
  planTier: PlanTier
  rejections: number
  attempts: number
}

/**
 * Of today and the six days before, in UTC, by the plan that refused. Only refusals are counted as they
 * happen; what took room is found in the ledger, and goes to the plan of now.
 */
export function countRejections(reads: TenantReads): Promise<TierRate[]> {
  return reads.rows<TierRate>(
    `with since as (select date_trunc('day', now()) - interval '6 days' as at), tiers as (
       select plan_tier, rejections, 0 as stored from quota_rejections, since
       where tenant_id = $1 and day >= since.at::date
       union all
       select t.plan_tier, 0, (
         select count(*) from usage_ledger l
         where l.tenant_id = $1 and l.created_at >= since.at and l.bytes > 0
           and l.kind = 'write'
       )::integer
       from tenants t, since where t.id = $1
     )
     select plan_tier as "planTier", sum(rejections)::integer as rejections,
       sum(rejections + stored)::integer as attempts
     from tiers group by plan_tier order by plan_tier`,
    [reads.tenantId],
  )
}
