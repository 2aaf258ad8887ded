import { selectList } from '../../platform/postgres/select-list.ts'
import { SqlParams } from '../../platform/postgres/sql-params.ts'
import type { Content } from '../content/content.entity.ts'
import { contentColumns } from '../content/list-contents.ts'
import { visibleContents } from '../content/visibility.ts'
import {
  type GenerationItem,
  GenerationItemSchema,
  type ItemState,
} from './generation-item.entity.ts'
import type { GenerationReadDeps } from './generation-job.loaders.ts'

/** A page of each job, in the order of its items. */
export interface ItemPageRequest {
  limit: number
  /** From the last item towards the first. */
  backward: boolean
  /** Only items beyond this one in reading direction. */
  beyond: number | undefined
}

const itemColumns = selectList(GenerationItemSchema, 'i')

/** A page of items per job, in key order, each with one row more than asked; one statement. */
export async function loadItemPages(
  { reads, tenantId }: GenerationReadDeps,
  jobIds: readonly string[],
  page: ItemPageRequest,
  states: readonly ItemState[] | undefined,
): Promise<GenerationItem[][]> {
  const params = new SqlParams()
  const wanted = params.add(jobIds)
  const conditions = [`i.tenant_id = ${params.add(tenantId)}`]
  if (states) conditions.push(`i.state = any(${params.add(states)}::text[])`)
  const found = await reads.rows<GenerationItem>(
    `select i.* from unnest(${wanted}::uuid[]) wanted (job_id) cross join lateral (
       select ${itemColumns} from generation_items i
       where ${conditions.join(' and ')} and ${turn(page, params)}
     ) i`,
    params.values,
  )
  const pages = Map.groupBy(found, ({ jobId }) => jobId)
  return jobIds.map((id) => pages.get(id) ?? [])
}

/** A content, and the item of its job that it was made for. */
export interface GeneratedContent extends Content {
  jobId: string
  seq: number
}

/** The same for the contents that were made, as far as they are within the viewer's reach. */
export async function loadGeneratedPages(
  { reads, viewer, tenantId }: GenerationReadDeps,
  jobIds: readonly string[],
  page: ItemPageRequest,
): Promise<GeneratedContent[][]> {
  const params = new SqlParams()
  const wanted = params.add(jobIds)
  const found = await reads.rows<GeneratedContent>(
    `select c.* from unnest(${wanted}::uuid[]) wanted (job_id) cross join lateral (
       select ${contentColumns}, i.job_id as "jobId", i.seq from generation_items i
         join content_items c on c.tenant_id = i.tenant_id and c.id = i.content_id
       where i.tenant_id = ${params.add(tenantId)} and i.state = 'stored'
         and ${visibleContents(viewer, params)} and ${turn(page, params)}
     ) c`,
    params.values,
  )
  const pages = Map.groupBy(found, ({ jobId }) => jobId)
  return jobIds.map((id) => pages.get(id) ?? [])
}

/** The page itself, of the job that is `wanted`. */
function turn({ limit, backward, beyond }: ItemPageRequest, params: SqlParams): string {
  const place =
    beyond === undefined ? 'true' : `i.seq ${backward ? '<' : '>'} ${params.add(beyond)}::integer`
  return `i.job_id = wanted.job_id and ${place}
    order by i.seq ${backward ? 'desc' : 'asc'} limit ${params.add(limit + 1)}`
}
