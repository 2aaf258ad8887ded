import type { EntityManager } from '@mikro-orm/postgresql'
import { newId } from '../../lib/id.ts'
import type { Origin, Viewer } from '../../lib/viewer.ts'
import { enqueue } from '../../platform/tasks.ts'
import { recordAudit } from '../tenancy/record-audit.ts'
import { announceJob } from '../generation/announce-job.ts'
import type { GenerationInput } from './generation-input.ts'
import { claimJobKey, type SubmitCall } from './job-keys.ts'
import { admitJob, waitForOthers } from './limit-jobs.ts'
import type { PreparedGeneration } from './prepare-generation.ts'
import { generationBell } from '../generation/generation-bell.ts'

/**
 * Job, items, audit and bell, all or nothing; answers the job's id, or that of the job which the same
 * call has made before. Throws ValidationError, ConcurrencyLimitError, GenerationLimitError.
 */
export async function submitJob(
  tx: EntityManager,
  { tenantId, viewer, origin }: { tenantId: string; viewer: Viewer; origin: Origin },
  call: SubmitCall,
  prepared: PreparedGeneration,
): Promise<string> {
  const id = newId()
  const made = await claimJobKey(tx, tenantId, call, id)
  if (made !== id) return made
  const { input } = prepared
  const { targetCount, jobType, contentType, brandId, params } = input
  await waitForOthers(tx, tenantId)
  await admitJob(tx, tenantId, targetCount, [...call.path, 'targetCount'])
  await insertJob(tx, viewer, id, prepared)
  await insertItems(tx, tenantId, id, input)
  await recordAudit(tx, { tenantId, userId: viewer.userId, origin }, [
    {
      action: call.operation,
      subject: { type: 'GenerationJob', id },
      before: null,
      after: { jobType, contentType, brandId, targetCount, model: params.model },
    },
  ])
  await announceJob(tx, tenantId, id)
  await enqueue(tx, generationBell, { tenantId, jobId: id }, { key: id })
  return id
}

async function insertJob(
  tx: EntityManager,
  viewer: Viewer,
  id: string,
  { input, key, item }: PreparedGeneration,
): Promise<void> {
  const { model, llmKeyId: _, ...params } = input.params
  const row = {
    tenant_id: viewer.tenantId,
    id,
    brand_id: input.brandId,
    campaign_space_id: input.campaignSpaceId,
    user_id: viewer.userId,
    job_type: input.jobType,
    content_type: input.contentType,
    target_count: input.targetCount,
    platforms: input.platforms,
    provider: key.provider,
    model,
    llm_key_id: key.llmKeyId,
    own_key: key.llmKeyId !== null,
    generation_params: params,
    brand_adherence: input.brandAdherence,
    max_cost_usd: input.maxCostUsd,
    estimated_item_bytes: item.bytes,
    estimated_item_cost_usd: item.costUsd,
    estimated_item_ms: item.ms,
    // Its first number comes with the announcement.
    sequence: 0,
  }
  const columns = Object.keys(row).join(', ')
  await tx.execute(
    `insert into content_generation_jobs (${columns})
     select ${columns} from jsonb_populate_record(null::content_generation_jobs, ?::jsonb)`,
    [JSON.stringify(row)],
  )
}

/** Topics take turns. The ids of the contents are chosen now, in the order of the items. */
async function insertItems(
  tx: EntityManager,
  tenantId: string,
  jobId: string,
  { targetCount, params: { topics } }: GenerationInput,
): Promise<void> {
  const contentIds = Array.from({ length: targetCount }, () => newId())
  await tx.execute(
    `insert into generation_items (tenant_id, job_id, seq, topic, content_id)
     select ?, ?, item.number - 1, topic.text, item.content_id
     from unnest(?::uuid[]) with ordinality as item (content_id, number)
       join jsonb_array_elements_text(?::jsonb) with ordinality as topic (text, number)
         on topic.number - 1 = (item.number - 1) % ?`,
    [tenantId, jobId, `{${contentIds.join(',')}}`, JSON.stringify(topics), topics.length],
  )
}
