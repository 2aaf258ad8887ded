import { type FieldIssue, ValidationError } from '../../lib/errors.ts'
import type { Viewer } from '../../lib/viewer.ts'
import type { Models } from '../../platform/models.ts'
import type { TenantReads } from '../../platform/postgres/reads.ts'
import { issue, validOrThrow } from '../editing/content-input.ts'
import { countedBytes, findQuota, type Quota } from '../quota/find-quota.ts'
import { plans } from '../quota/plan-tiers.ts'
import { project, type QuotaProjection } from '../quota/quota-projection.ts'
import { type ChosenKey, chooseKey, isChosen } from './choose-key.ts'
import { estimateItem, type ItemEstimate } from './estimate-item.ts'
import { checkGenerationInput, type GenerationInput } from './generation-input.ts'

export interface PrepareDeps {
  reads: TenantReads
  viewer: Viewer
  tenantId: string
  models: Models
}

/** A job that could be begun, and what it would come to. */
export interface PreparedGeneration {
  input: GenerationInput
  key: ChosenKey
  item: ItemEstimate
  quota: Quota
  /** With all its items stored. */
  projection: QuotaProjection
}

/**
 * Checks every rule of the input at once and works out what it would come to, in one round trip and
 * without touching anything. Throws ValidationError, paths beginning at `path`.
 */
export async function prepareGeneration(
  deps: PrepareDeps,
  given: GenerationInput,
  path: readonly string[],
): Promise<PreparedGeneration> {
  const { params, targetCount } = given
  const { data, issues } = checkGenerationInput(given, path)
  const [key, item, quota, dangling] = await Promise.all([
    chooseKey(deps, params, [...path, 'params']),
    estimateItem(deps, given),
    findQuota(deps.reads),
    danglingReferences(deps, given, path),
  ])
  if (!quota) throw new ValidationError([issue(path, 'NOT_FOUND', 'There is no such tenant')])
  issues.push(...dangling, ...planIssues(quota, targetCount, path))
  issues.push(...costIssues(deps.models, given, path))
  if (!isChosen(key)) throw new ValidationError([...issues, key])
  const input = validOrThrow(data, issues)
  const usage = { planTier: quota.planTier, bytes: countedBytes(quota.usage) }
  return { input, key, item, quota, projection: project(usage, targetCount * item.bytes) }
}

/** A brand out of reach looks like one that is not there. */
async function danglingReferences(
  { reads, tenantId, viewer }: PrepareDeps,
  { brandId, campaignSpaceId }: GenerationInput,
  path: readonly string[],
): Promise<FieldIssue[]> {
  if (!brandId) return []
  const [found] = await reads.rows<{ brand: boolean; space: boolean }>(
    `select exists (select from brands where tenant_id = $1 and id = $2) as brand,
       exists (
         select from campaign_spaces where tenant_id = $1 and brand_id = $2 and id = $3
       ) as space`,
    [tenantId, brandId, campaignSpaceId],
  )
  if (!found?.brand || viewer.brandIds?.includes(brandId) === false) {
    return [issue([...path, 'brandId'], 'NOT_FOUND', 'There is no such brand')]
  }
  if (!campaignSpaceId || found.space) return []
  const message = 'There is no such campaign space in this brand'
  return [issue([...path, 'campaignSpaceId'], 'NOT_FOUND', message)]
}

/** Waiting for the next month would not help. */
function* planIssues({ planTier }: Quota, targetCount: number, path: readonly string[]) {
  const limit = plans[planTier].monthlyGenerationLimit
  if (limit === null || targetCount <= limit) return
  const message = `must be at most ${limit}, which your plan allows a month`
  yield issue([...path, 'targetCount'], 'TOO_BIG', message)
}

function* costIssues(
  models: Models,
  { maxCostUsd, params: { model } }: GenerationInput,
  path: readonly string[],
) {
  if (maxCostUsd === null || models.priceOf(model)) return
  const message = 'cannot be kept to: the price of this model is not known. Leave it out.'
  yield issue([...path, 'maxCostUsd'], 'PRICE_UNKNOWN', message)
}
