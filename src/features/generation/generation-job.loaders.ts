import { align } from '../../lib/align.ts'
import type { Viewer } from '../../lib/viewer.ts'
import type { TenantReads } from '../../platform/postgres/reads.ts'
import { selectList } from '../../platform/postgres/select-list.ts'
import { SqlParams } from '../../platform/postgres/sql-params.ts'
import { type ContentGeneration, ContentGenerationSchema } from './content-generation.entity.ts'
import { type GenerationJob, GenerationJobSchema } from './generation-job.entity.ts'

export interface GenerationReadDeps {
  reads: TenantReads
  viewer: Viewer
  tenantId: string
}

export const jobColumns = selectList(GenerationJobSchema, 'j')

/** The condition every read of jobs carries: this tenant, and the viewer's brands. The alias is `j`. */
export function visibleJobs({ tenantId, brandIds }: Viewer, params: SqlParams): string {
  const own = `j.tenant_id = ${params.add(tenantId)}`
  if (!brandIds) return own
  return `${own} and (j.brand_id is null or j.brand_id = any(${params.add(brandIds)}::uuid[]))`
}

/** Jobs within the viewer's reach, in key order. */
export async function loadGenerationJobs(
  { reads, viewer }: GenerationReadDeps,
  ids: readonly string[],
): Promise<(GenerationJob | null)[]> {
  const params = new SqlParams()
  const found = await reads.rows<GenerationJob>(
    `select ${jobColumns} from content_generation_jobs j
     where ${visibleJobs(viewer, params)} and j.id = any(${params.add(ids)}::uuid[])`,
    params.values,
  )
  return align(ids, found, (job) => job.id)
}

const generationsSql = `
  select ${selectList(ContentGenerationSchema, 'g')} from content_generations g
  where g.tenant_id = $1 and g.content_id = any($2::uuid[])`

/** How contents were generated, in key order; null for those that people wrote. */
export async function loadContentGenerations(
  { reads, tenantId }: GenerationReadDeps,
  contentIds: readonly string[],
): Promise<(ContentGeneration | null)[]> {
  const found = await reads.rows<ContentGeneration>(generationsSql, [tenantId, contentIds])
  return align(contentIds, found, ({ contentId }) => contentId)
}
