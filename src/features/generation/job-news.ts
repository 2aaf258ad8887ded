import type { Viewer } from '../../lib/viewer.ts'
import type { Database } from '../../platform/postgres/database.ts'
import type { TenantReads } from '../../platform/postgres/reads.ts'
import { selectList } from '../../platform/postgres/select-list.ts'
import { findFeedEnd } from '../tenancy/find-feed-end.ts'
import { type GenerationItem, GenerationItemSchema } from './generation-item.entity.ts'
import { type GenerationJob, isOver } from './generation-job.entity.ts'
import { jobColumns } from './generation-job.loaders.ts'

/** A job as its watchers see it. */
export interface JobState {
  job: GenerationJob
  /** Items that were stored or failed since they looked last; of many only the first two. */
  settled: GenerationItem[]
  /** What is being written, when that is known. */
  writing: GenerationItem | null
}

const jobSql = `
  select ${jobColumns} from content_generation_jobs j where j.tenant_id = $1 and j.id = $2`

const itemColumns = selectList(GenerationItemSchema, 'i')

const settledSql = `
  select ${itemColumns} from generation_items i
  where i.tenant_id = $1 and i.job_id = $2 and i.sequence > $3 and i.state in ('stored', 'failed')
  order by i.sequence, i.seq limit 2`

const writingSql = `
  select ${itemColumns} from generation_items i
  where i.tenant_id = $1 and i.job_id = $2 and i.state = 'running' and i.partial_text is not null
  order by i.seq limit 1`

/** Null when there is no such job. Whoever is told of it must be within reach of its brand. */
export async function findJobState(
  reads: TenantReads,
  jobId: string,
  after: number,
): Promise<JobState | null> {
  const own: [string, string] = [reads.tenantId, jobId]
  const [[job], settled, [writing]] = await Promise.all([
    reads.rows<GenerationJob>(jobSql, own),
    reads.rows<GenerationItem>(settledSql, [...own, after]),
    reads.rows<GenerationItem>(writingSql, own),
  ])
  if (!job) return null
  // Selects of one trip see what is committed between them: that is for the next look.
  const known = settled.filter(({ sequence }) => sequence <= job.sequence)
  return { job, settled: known, writing: writing ?? null }
}

export function isWithinReach({ brandId }: GenerationJob, { brandIds }: Viewer): boolean {
  return brandId == null || brandIds === null || brandIds.includes(brandId)
}

export interface JobPage {
  /** By rising sequence. */
  jobs: GenerationJob[]
  /** Everything up to here was looked at. */
  upTo: number
  hasMore: boolean
}

const pageSize = 100

const changedSql = `
  select ${jobColumns} from content_generation_jobs j
  where j.tenant_id = $1 and j.sequence > $2 order by j.sequence limit ${pageSize}`

const openSql = `
  select ${jobColumns} from content_generation_jobs j
  where j.tenant_id = $1 and j.sequence <= $2 and j.status in ('pending', 'running', 'cancelling')
  order by j.sequence`

/** Jobs that changed after number `after` of the feed; with null those that are not over. */
export async function listJobNews(reads: TenantReads, after: number | null): Promise<JobPage> {
  const { tenantId } = reads
  if (after === null) {
    const upTo = await findFeedEnd(reads)
    const jobs = await reads.rows<GenerationJob>(openSql, [tenantId, upTo])
    return { jobs, upTo, hasMore: false }
  }
  const jobs = await reads.rows<GenerationJob>(changedSql, [tenantId, after])
  return { jobs, upTo: jobs.at(-1)?.sequence ?? after, hasMore: jobs.length === pageSize }
}

/** Asks for the texts of a running job while they are written, for ten seconds more. */
export async function watchTexts(
  database: Database,
  tenantId: string,
  jobId: string,
): Promise<void> {
  await database.transaction(tenantId, (tx) =>
    tx.execute(
      `update content_generation_jobs set partial_text_until = now() + interval '10 seconds'
       where tenant_id = ? and id = ? and status in ('pending', 'running')
         and partial_text_until < now() + interval '6 seconds'`,
      [tenantId, jobId],
    ),
  )
}

export const jobEventKinds = [
  'SNAPSHOT',
  'STARTED',
  'ITEM_STORED',
  'ITEM_FAILED',
  'PROGRESS',
  'COST',
  'CANCELLED',
  'COMPLETED',
  'FAILED',
] as const
export type JobEventKind = (typeof jobEventKinds)[number]

/** What watchers compare a job with when they look at it again. */
export function noteOf({ status, progress, failedCount, totalCostUsd }: GenerationJob): string {
  return `${status} ${progress + failedCount} ${totalCostUsd}`
}

/** What has happened to a job since it was as in `note`; null when it was not looked at before. */
export function kindOf(
  job: GenerationJob,
  note: string | null,
  settled: readonly GenerationItem[] = [],
): JobEventKind {
  if (isOver(job)) return endOf(job)
  if (note === null) return 'SNAPSHOT'
  const [item, another] = settled
  if (item && !another) return item.state === 'stored' ? 'ITEM_STORED' : 'ITEM_FAILED'
  const [status, done, costUsd] = note.split(' ')
  if (status === 'pending' && job.status !== 'pending') return 'STARTED'
  const isStill = status === job.status && Number(done) === job.progress + job.failedCount
  return isStill && costUsd !== job.totalCostUsd ? 'COST' : 'PROGRESS'
}

function endOf({ status }: GenerationJob): JobEventKind {
  if (status === 'cancelled') return 'CANCELLED'
  return status === 'failed' ? 'FAILED' : 'COMPLETED'
}
