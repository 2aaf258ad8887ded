import type { JobStatus } from '../tenancy/job.ts'
import { beforeAllIds, eachPage, pageSize } from './each-page.ts'
import type { Finding, TenantDeps } from './finding.ts'

/** A worker takes up a job within seconds: after this long nobody does. */
const graceMinutes = 10

interface Job {
  id: string
  status: JobStatus
  isOver: boolean
  isOverdue: boolean
  isAhead: boolean
  targetCount: number
  items: number
  open: number
  progress: number
  stored: number
  failedCount: number
  failed: number
  skippedCount: number
  skipped: number
  bytes: number
  itemBytes: number
  costUsd: string
  itemCostUsd: string
  /** Stored items whose content was never written. */
  missing: number
  /** Contents of items that are not stored. */
  unclaimed: number
}

const jobsSql = `
  select j.id, j.status, j.completed_at is not null as "isOver",
    j.completed_at is null and j.lease_expires_at < now() - make_interval(mins => $4)
      and j.created_at < now() - make_interval(mins => $4) as "isOverdue",
    j.sequence > coalesce(f.sequence, 0) as "isAhead",
    j.target_count as "targetCount", j.progress, j.failed_count as "failedCount",
    j.skipped_count as "skippedCount", j.total_storage_bytes as bytes,
    j.total_cost_usd::text as "costUsd", sums.*
  from content_generation_jobs j left join tenant_feeds f on f.tenant_id = j.tenant_id
  cross join lateral (
    select count(*) as items, count(*) filter (where i.state in ('pending', 'running')) as open,
      count(*) filter (where i.state = 'stored') as stored,
      count(*) filter (where i.state = 'failed') as failed,
      count(*) filter (where i.state = 'skipped') as skipped,
      coalesce(sum(i.size_bytes), 0)::bigint as "itemBytes",
      coalesce(sum(i.cost_usd), 0)::numeric(14, 6)::text as "itemCostUsd",
      count(*) filter (
        where i.state = 'stored' and v.id is null and t.content_id is null
      ) as missing,
      count(*) filter (where i.state <> 'stored' and v.id is not null) as unclaimed
    from generation_items i
      left join content_versions v on v.tenant_id = i.tenant_id and v.content_id = i.content_id
        and v.version_number = 1
      left join content_tombstones t on t.tenant_id = i.tenant_id and t.content_id = i.content_id
    where i.tenant_id = j.tenant_id and i.job_id = j.id
  ) sums
  where j.tenant_id = $1 and j.id > $2 order by j.id limit $3`

/** I8: jobs, their items and the contents these made agree, and no job is forgotten. */
export async function* checkJobs({ reads, tenantId }: TenantDeps): AsyncGenerator<Finding, void> {
  const pages = eachPage<Job>((last) =>
    reads.rows(jobsSql, [tenantId, last?.id ?? beforeAllIds, pageSize, graceMinutes]),
  )
  for await (const page of pages) {
    for (const job of page) {
      for (const message of complaints(job)) {
        yield { invariant: 'I8', tenantId, subject: { jobId: job.id }, message }
      }
    }
  }
}

function* complaints(job: Job): Iterable<string> {
  const counted = [
    ['items', job.targetCount, job.items],
    ['stored items', job.progress, job.stored],
    ['failed items', job.failedCount, job.failed],
    ['skipped items', job.skippedCount, job.skipped],
    ['bytes', job.bytes, job.itemBytes],
    ['US dollars', job.costUsd, job.itemCostUsd],
  ] as const
  for (const [what, said, found] of counted) {
    if (said !== found) yield `says ${said} ${what}; there are ${found}`
  }
  if (job.missing > 0) yield `${job.missing} stored items have no content`
  if (job.unclaimed > 0) yield `${job.unclaimed} contents belong to items that are not stored`
  if (job.isOver && job.open > 0) yield `is ${job.status}, and ${job.open} items are open`
  if (job.isOverdue) yield `is ${job.status}, and no worker has it in hand`
  if (job.isAhead) yield 'its number is not one of the feed'
}
