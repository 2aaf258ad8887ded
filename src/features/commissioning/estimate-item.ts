import type { Models } from '../../platform/models.ts'
import type { TenantReads } from '../../platform/postgres/reads.ts'
import type { ContentType } from '../content/content.entity.ts'
import type { GenerationInput } from './generation-input.ts'
import { toUsd } from '../generation/usd.ts'

/** What one item is expected to come to. */
export interface ItemEstimate {
  /** Of its body, as the quota counts it. */
  bytes: number
  costUsd: string
  /** From the call to the model until it is stored. */
  ms: number
}

/** How many tokens the text of a type takes when nothing else is known of it. */
const usualTokens: Record<ContentType, number> = {
  post: 750,
  story: 400,
  ad: 300,
  article: 2_500,
  tweet: 150,
  image: 300,
  video: 1_200,
  carousel: 900,
  reel: 600,
  document: 3_500,
}

/** With JSON around the text, and scripts that take more than a byte for a character (S1: 4,096 a post). */
const bytesPerToken = 5.5
const charactersPerToken = 4
/** What a model is told beside the prompt. */
const systemTokens = 300
const msPerToken = 12
const msToBegin = 1_000

const measuredSql = `
  select sum(j.progress) as items, sum(j.total_storage_bytes)::bigint as bytes,
    sum(j.progress) filter (where j.model = $3) as "modelItems",
    sum(j.total_cost_usd) filter (where j.model = $3)::float8 as usd,
    sum(extract(epoch from j.completed_at - j.started_at) * 1000 * least(j.target_count, 10))
      filter (where j.model = $3)::float8 as ms
  from content_generation_jobs j
  where j.tenant_id = $1 and j.created_at > now() - interval '30 days' and j.content_type = $2
    and j.completed_at is not null and j.started_at is not null and j.progress > 0`

interface Measured {
  items: number | null
  bytes: number | null
  modelItems: number | null
  usd: number | null
  ms: number | null
}

/** Fewer say more about chance than about the next item. */
const enoughItems = 20

/** From what the tenant's own items of 30 days came to, or from what such items usually do. */
export async function estimateItem(
  { reads, models, tenantId }: { reads: TenantReads; models: Models; tenantId: string },
  { contentType, params }: Pick<GenerationInput, 'contentType' | 'params'>,
): Promise<ItemEstimate> {
  const [row] = await reads.rows<Measured>(measuredSql, [tenantId, contentType, params.model])
  const usual = usualItem(models, contentType, params)
  const { items, bytes, modelItems, usd, ms } = row ?? {}
  const hasSizes = items != null && items >= enoughItems
  const hasModel = modelItems != null && modelItems >= enoughItems
  return {
    bytes: hasSizes ? Math.ceil((bytes ?? 0) / items) : usual.bytes,
    costUsd: hasModel ? toUsd((usd ?? 0) / modelItems) : usual.costUsd,
    ms: hasModel ? Math.ceil((ms ?? 0) / modelItems) : usual.ms,
  }
}

function usualItem(
  models: Models,
  contentType: ContentType,
  { model, maxTokens, promptTemplate, topics }: GenerationInput['params'],
): ItemEstimate {
  const tokensOut = Math.min(usualTokens[contentType], maxTokens ?? Infinity)
  const topicLength = topics.reduce((sum, topic) => sum + topic.length, 0) / (topics.length || 1)
  const tokensIn = systemTokens + (promptTemplate.length + topicLength) / charactersPerToken
  const price = models.priceOf(model) ?? { inputUsd: 0, outputUsd: 0 }
  const usd = (tokensIn * price.inputUsd + tokensOut * price.outputUsd) / 1_000_000
  return {
    bytes: Math.ceil(tokensOut * bytesPerToken),
    costUsd: toUsd(usd),
    ms: msToBegin + tokensOut * msPerToken,
  }
}
