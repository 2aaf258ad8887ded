import { announceJob } from '../../src/features/generation/announce-job.ts'
import { encodeGlobalId } from '../../src/graphql/global-id.ts'
import { newId } from '../../src/lib/id.ts'
import type { TestGateway, TestTenant } from './gateway.ts'

/** A job that no worker knows of: a test moves it. */
export interface PlantedJob {
  tenantId: string
  databaseId: string
  id: string
}

type Owner = Pick<TestGateway, 'services'>

export async function plantJob(
  { services }: Owner,
  { id: tenantId }: Pick<TestTenant, 'id'>,
  brandId: string | null = null,
): Promise<PlantedJob> {
  const databaseId = newId()
  await services.database.transaction(tenantId, async (tx) => {
    await tx.execute(
      `insert into content_generation_jobs (tenant_id, id, brand_id, job_type, content_type,
         target_count, provider, model, own_key, generation_params, estimated_item_bytes,
         estimated_item_cost_usd, estimated_item_ms, sequence)
       values (?, ?, ?, 'batch_social', 'post', 100, 'compatible', 'test', false,
         '{"topics": [], "promptTemplate": "{topic}"}', 1, 0, 1, 0)`,
      [tenantId, databaseId, brandId],
    )
    await tx.execute(
      `insert into generation_items (tenant_id, job_id, seq, topic, content_id)
       select ?, ?, n, 'Topic ' || n, gen_random_uuid() from generate_series(0, 99) n`,
      [tenantId, databaseId],
    )
    await announceJob(tx, tenantId, databaseId)
  })
  return { tenantId, databaseId, id: encodeGlobalId('GenerationJob', databaseId) }
}

/** Changes the job's row as a worker would, `set` being SQL, and tells its watchers. */
export async function moveJob(
  { services }: Owner,
  { tenantId, databaseId }: PlantedJob,
  set: string,
): Promise<number> {
  return services.database.transaction(tenantId, async (tx) => {
    const own = [tenantId, databaseId]
    await tx.execute(
      `update content_generation_jobs set ${set} where tenant_id = ? and id = ?`,
      own,
    )
    return announceJob(tx, tenantId, databaseId)
  })
}

/** The same for one of its items, which the job counts. */
export async function settleItem(
  { services }: Owner,
  { tenantId, databaseId }: PlantedJob,
  seq: number,
  state: 'stored' | 'failed',
): Promise<void> {
  const counter = state === 'stored' ? 'progress' : 'failed_count'
  await services.database.transaction(tenantId, async (tx) => {
    await tx.execute(
      `update content_generation_jobs set ${counter} = ${counter} + 1 where tenant_id = ? and id = ?`,
      [tenantId, databaseId],
    )
    await tx.execute(
      `update generation_items set state = ? where tenant_id = ? and job_id = ? and seq = ?`,
      [state, tenantId, databaseId, seq],
    )
    const sequence = await announceJob(tx, tenantId, databaseId)
    await tx.execute(
      `update generation_items set sequence = ? where tenant_id = ? and job_id = ? and seq = ?`,
      [sequence, tenantId, databaseId, seq],
    )
  })
}

/** How a job ends well. */
export const completed = `status = 'completed', completed_at = now()`
