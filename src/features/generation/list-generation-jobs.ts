import { decodeCursor, encodeCursor, InvalidCursorError } from '../../lib/cursor.ts'
import { isUuid } from '../../lib/id.ts'
import type { Viewer } from '../../lib/viewer.ts'
import { SqlParams } from '../../platform/postgres/sql-params.ts'
import { type Count, type CountMode, countRows } from '../content/count-rows.ts'
import type { JobStatus } from '../tenancy/job.ts'
import type { GenerationJob } from './generation-job.entity.ts'
import { type GenerationReadDeps, jobColumns, visibleJobs } from './generation-job.loaders.ts'

/** Which jobs; what is absent does not narrow. */
export interface JobFilter {
  status: readonly JobStatus[] | undefined
  brandId: string | undefined
}

export interface JobPageRequest extends JobFilter {
  limit: number
  /** Only jobs older than the one at this place. */
  cursor: string | undefined
}

const order = 'generationJob'

/** The place of a job in the list is its id, which begins with its time. */
export function jobCursorOf({ id }: GenerationJob): string {
  return encodeCursor(order, [id])
}

function jobIdAt(cursor: string): string {
  const [id] = decodeCursor(cursor, order, 1)
  if (id == null || !isUuid(id)) throw new InvalidCursorError()
  return id
}

/** Newest first; one job more than asked for, if there is one, to tell that more follow. */
export function listGenerationJobs(
  { reads, viewer }: GenerationReadDeps,
  { limit, cursor, ...filter }: JobPageRequest,
): Promise<GenerationJob[]> {
  const params = new SqlParams()
  const conditions = matching(viewer, filter, params)
  if (cursor !== undefined) conditions.push(`j.id < ${params.add(jobIdAt(cursor))}`)
  return reads.rows<GenerationJob>(
    `select ${jobColumns} from content_generation_jobs j where ${conditions.join(' and ')}
     order by j.id desc limit ${params.add(limit + 1)}`,
    params.values,
  )
}

/** Counts what `filter` matches, at the price of `mode`. */
export function countGenerationJobs(
  { reads, viewer }: GenerationReadDeps,
  filter: JobFilter,
  mode: CountMode,
  cap: number,
): Promise<Count> {
  const params = new SqlParams()
  const conditions = matching(viewer, filter, params).join(' and ')
  return countRows(reads, `from content_generation_jobs j where ${conditions}`, params, mode, cap)
}

function matching(viewer: Viewer, { status, brandId }: JobFilter, params: SqlParams): string[] {
  const conditions = [visibleJobs(viewer, params)]
  if (status) conditions.push(`j.status = any(${params.add(status)}::text[])`)
  if (brandId !== undefined) conditions.push(`j.brand_id = ${params.add(brandId)}`)
  return conditions
}
