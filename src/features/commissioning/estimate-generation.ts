import { plans } from '../quota/plan-tiers.ts'
import type { QuotaProjection } from '../quota/quota-projection.ts'
import type { GenerationInput } from './generation-input.ts'
import { durationMs } from '../generation/job-progress.ts'
import { countFreeSlots } from './limit-jobs.ts'
import { type PrepareDeps, prepareGeneration } from './prepare-generation.ts'
import { timesUsd } from '../generation/usd.ts'

/** What a job would come to, were it begun now. */
export interface GenerationEstimate {
  storageBytes: number
  costUsd: string
  durationSeconds: number
  quotaCheck: QuotaProjection
  /** Items of this month that are left; null for unlimited. */
  monthlyRemaining: number | null
  concurrentSlotsFree: number
}

/** Checks the input as `generateContentBatch` does, and changes nothing. Throws ValidationError. */
export async function estimateGeneration(
  deps: PrepareDeps,
  input: GenerationInput,
): Promise<GenerationEstimate> {
  const [{ item, quota, projection }, concurrentSlotsFree] = await Promise.all([
    prepareGeneration(deps, input, ['input']),
    countFreeSlots(deps.reads),
  ])
  const { targetCount } = input
  const { monthlyGenerationLimit } = plans[quota.planTier]
  return {
    storageBytes: item.bytes * targetCount,
    costUsd: timesUsd(item.costUsd, targetCount),
    durationSeconds: Math.ceil(durationMs(targetCount, item.ms) / 1_000),
    quotaCheck: projection,
    monthlyRemaining:
      monthlyGenerationLimit === null
        ? null
        : Math.max(0, monthlyGenerationLimit - quota.generatedThisMonth),
    concurrentSlotsFree,
  }
}
