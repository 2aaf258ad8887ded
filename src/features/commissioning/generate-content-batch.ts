import { asStorageUnavailable, DomainError } from '../../lib/errors.ts'
import type { Origin } from '../../lib/viewer.ts'
import type { Plan } from '../../platform/plan.ts'
import type { Database } from '../../platform/postgres/database.ts'
import { QuotaExceededError } from '../quota/quota.errors.ts'
import { recordRejections } from '../quota/record-rejections.ts'
import type { GenerationInput } from './generation-input.ts'
import { callOf, findMadeJob, type SubmitCall } from './job-keys.ts'
import { type PrepareDeps, prepareGeneration } from './prepare-generation.ts'
import { submitJob } from './submit-job.ts'

export interface GenerateDeps extends PrepareDeps {
  database: Database
  origin: Origin
  plan: Plan
}

/**
 * Begins a job that generates contents, and answers its id; workers do the rest (E-152). Nothing is
 * reserved of the storage: that happens item by item. Throws the DomainErrors of the union
 * `GenerateContentBatchResult`.
 */
export function generateContentBatch(deps: GenerateDeps, input: GenerationInput): Promise<string> {
  return generate(deps, input, callOf('generateContentBatch', input, ['input']))
}

/** The same for the call that is given. */
export async function generate(
  deps: GenerateDeps,
  input: GenerationInput,
  call: SubmitCall,
): Promise<string> {
  try {
    const prepared = await prepareGeneration(deps, input, call.path)
    const { projection } = prepared
    if (!projection.canStore) {
      throw new QuotaExceededError(projection, [...call.path, 'targetCount'])
    }
    const { database, tenantId, plan } = deps
    return await database.transaction(tenantId, (tx) => submitJob(tx, deps, call, prepared), plan)
  } catch (error) {
    // A repeat may fail where the first call did not, e.g. because that one took the last place.
    const made = error instanceof DomainError ? await findMadeJob(deps, call) : undefined
    if (made !== undefined) return made
    if (error instanceof QuotaExceededError) await recordRejections(deps, 1)
    return asStorageUnavailable(error)
  }
}
