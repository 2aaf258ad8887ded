import { asStorageUnavailable, ValidationError } from '../../lib/errors.ts'
import { countedBytes, findQuota } from '../quota/find-quota.ts'
import { project } from '../quota/quota-projection.ts'
import { QuotaExceededError } from '../quota/quota.errors.ts'
import { recordRejections } from '../quota/record-rejections.ts'
import { type ChosenKey, chooseKey, isChosen } from './choose-key.ts'
import { generate, type GenerateDeps } from './generate-content-batch.ts'
import type { GenerationInput } from './generation-input.ts'
import type { GenerationJob } from '../generation/generation-job.entity.ts'
import { loadGenerationJobs } from '../generation/generation-job.loaders.ts'
import { callOf } from './job-keys.ts'
import { type JobRef, noSuchJob } from '../generation/generation-job.errors.ts'
import { reopenJob } from './reopen-job.ts'

/**
 * With `failedOnly` opens a job again for the items of which nothing came; else begins another one from
 * the same input. Answers the id of the job that will run. Throws the DomainErrors of the union
 * `GenerateContentBatchResult`.
 */
export async function retryGenerationJob(
  deps: GenerateDeps,
  ref: JobRef,
  failedOnly: boolean,
): Promise<string> {
  const [job] = await loadGenerationJobs(deps, [ref.id]).catch(asStorageUnavailable)
  if (!job) throw noSuchJob(ref)
  if (failedOnly) return retryUnmade(deps, ref, job)
  const input = inputOf(job)
  return generate(deps, input, callOf('retryGenerationJob', input, ['id']))
}

async function retryUnmade(deps: GenerateDeps, ref: JobRef, job: GenerationJob): Promise<string> {
  const { database, tenantId, plan } = deps
  try {
    const [key] = await Promise.all([chooseAgain(deps, job), checkRoom(deps, job)])
    await database.transaction(tenantId, (tx) => reopenJob(tx, deps, ref, key), plan)
  } catch (error) {
    if (error instanceof QuotaExceededError) await recordRejections(deps, 1)
    asStorageUnavailable(error)
  }
  return job.id
}

/** The key may have been deleted since: then another one of the tenant's will do. */
async function chooseAgain(deps: GenerateDeps, job: GenerationJob): Promise<ChosenKey> {
  const { model, llmKeyId, ownKey } = job
  const wish = { model, llmKeyId: llmKeyId ?? null, ownOnly: ownKey }
  const key = await chooseKey(deps, wish, ['id'])
  if (!isChosen(key)) throw new ValidationError([{ ...key, path: ['id'] }])
  return key
}

async function checkRoom({ reads }: GenerateDeps, job: GenerationJob): Promise<void> {
  const quota = await findQuota(reads)
  const usage = quota && { planTier: quota.planTier, bytes: countedBytes(quota.usage) }
  const unmade = job.failedCount + job.skippedCount
  const projection = project(usage, unmade * job.estimatedItemBytes)
  if (!projection.canStore) throw new QuotaExceededError(projection, ['id'])
}

/** What a job was asked for. */
function inputOf(job: GenerationJob): GenerationInput {
  const { generationParams, jobType, contentType, targetCount, platforms, model } = job
  return {
    jobType,
    contentType,
    targetCount,
    platforms,
    brandId: job.brandId ?? null,
    campaignSpaceId: job.campaignSpaceId ?? null,
    params: { ...generationParams, model, llmKeyId: job.llmKeyId ?? null },
    brandAdherence: job.brandAdherence ?? null,
    maxCostUsd: job.maxCostUsd ?? null,
    idempotencyKey: null,
  }
}
