import type { EntityManager } from '@mikro-orm/postgresql'
import { type DomainError, NotFoundError } from '../../lib/errors.ts'
import { mapLimit } from '../../lib/map-limit.ts'
import { columnsIn, rowOf } from '../../platform/postgres/select-list.ts'
import { announceJob } from '../generation/announce-job.ts'
import { ContentGenerationSchema } from '../generation/content-generation.entity.ts'
import type { WriteCompanion } from '../writing/commit-writes.ts'
import { type PlannedWrite, planWrite, type WriteCall } from '../writing/plan-write.ts'
import { isFailed, type WriteDeps } from '../writing/write.ts'
import { writeContents } from '../writing/write-contents.ts'
import type { ClaimedJob } from './job-run.ts'
import type { Written } from './write-draft.ts'

/** Texts stored together at most (E-112). */
export const maxBatch = 50
const parallelPlans = 4

/** What became of a text: null when it is stored, or nobody's to store any more. */
export type StoreOutcome = DomainError | null

/**
 * Stores texts as contents through the write protocol, each with its outcome, in order. Content, item,
 * job and quota change in one transaction; an item that another worker has meanwhile is left to it.
 * Throws StorageUnavailableError when nothing is known to be stored: the same call may be repeated.
 */
export async function storeDrafts(
  deps: WriteDeps,
  job: ClaimedJob,
  texts: readonly Written[],
): Promise<StoreOutcome[]> {
  const writes = await mapLimit(texts, parallelPlans, (text) => plan(deps, job, text))
  const planned = new Map(writes.map((write, index) => [write, texts[index] as Written]))
  const companion = createCompanion(deps.tenantId, job, planned)
  const outcomes = await writeContents(deps, writes, 'REJECT_FAILED', companion)
  return outcomes.map((outcome) => {
    if (!isFailed(outcome) || outcome.error instanceof NotFoundError) return null
    return outcome.error
  })
}

const call: WriteCall = {
  operation: 'generateContentBatch',
  idempotencyKey: null,
  inputHash: '',
  path: [],
  expectedVersion: null,
  // While ZeroDB is away, texts that were paid for are kept.
  onUnavailable: 'QUEUE',
}

function plan(deps: WriteDeps, job: ClaimedJob, text: Written): Promise<PlannedWrite> {
  const { item, draft, prompt, usage, generationId } = text
  const { brandId, campaignSpaceId, contentType, platforms, model, generationParams } = job
  const { temperature, maxTokens } = generationParams
  const isLong = contentType === 'article' || contentType === 'document'
  return planWrite(
    deps.viewer,
    call,
    {
      type: 'create',
      contentId: item.contentId,
      summary: 'Generated.',
      body: { format: isLong ? 'markdown' : 'text', raw: draft.body },
      set: {
        brandId,
        campaignSpaceId,
        title: draft.title,
        contentType,
        platforms,
        hashtags: generationParams.includeHashtags ? draft.hashtags : [],
        mentions: draft.mentions,
      },
      generation: {
        model,
        prompt,
        generation_id: generationId,
        temperature,
        max_tokens: maxTokens,
        cost_usd: usage.costUsd,
      },
    },
    null,
  )
}

function createCompanion(
  tenantId: string,
  job: ClaimedJob,
  planned: ReadonlyMap<PlannedWrite, Written>,
): WriteCompanion {
  const textOf = (write: PlannedWrite) => planned.get(write) as Written
  return {
    async guard(tx, writes) {
      const held = await lockHeld(tx, tenantId, job.id, writes.map(textOf))
      const lost = writes.filter((write) => !held.has(textOf(write).item.seq))
      return new Map(lost.map((write) => [write, new NotFoundError('Item')]))
    },
    async record(tx, won) {
      if (won.length === 0) return
      const texts = won.map((write) => ({
        ...textOf(write),
        sizeBytes: write.next.storageSizeBytes,
      }))
      await recordGenerations(tx, tenantId, job, texts)
      await recordStored(tx, tenantId, job.id, texts)
    },
  }
}

/** The fence: locks the job, then those of the items that are still this worker's. */
async function lockHeld(
  tx: EntityManager,
  tenantId: string,
  jobId: string,
  texts: readonly Written[],
): Promise<Set<number>> {
  await tx.execute(
    `select from content_generation_jobs where tenant_id = ? and id = ? for update`,
    [tenantId, jobId],
  )
  const held = await tx.execute<{ seq: number }[]>(
    `select i.seq from generation_items i
     where i.tenant_id = ? and i.job_id = ? and i.state = 'running'
       and (i.seq, i.attempt) in (select * from unnest(?::integer[], ?::integer[]))
     order by i.seq for update`,
    [
      tenantId,
      jobId,
      `{${texts.map(({ item }) => item.seq).join(',')}}`,
      `{${texts.map(({ item }) => item.attempt).join(',')}}`,
    ],
  )
  return new Set(held.map(({ seq }) => seq))
}

const generationColumns = columnsIn(ContentGenerationSchema)
  .filter((column) => column !== 'created_at')
  .join(', ')

async function recordGenerations(
  tx: EntityManager,
  tenantId: string,
  job: ClaimedJob,
  texts: readonly Written[],
): Promise<void> {
  const { provider, model, ownKey, generationParams } = job
  const { temperature, maxTokens } = generationParams
  const rows = texts.map(({ item, prompt, usage, generationId, flags }) =>
    rowOf(ContentGenerationSchema, {
      tenantId,
      contentId: item.contentId,
      jobId: job.id,
      provider,
      model,
      generationId,
      prompt,
      temperature,
      maxTokens,
      costUsd: usage.costUsd,
      ownKey,
      flags,
    }),
  )
  await tx.execute(
    `insert into content_generations (${generationColumns})
     select ${generationColumns} from jsonb_populate_recordset(null::content_generations, ?::jsonb)`,
    [JSON.stringify(rows)],
  )
}

async function recordStored(
  tx: EntityManager,
  tenantId: string,
  jobId: string,
  texts: readonly (Written & { sizeBytes: number })[],
): Promise<void> {
  const rows = texts.map(({ item, usage, flags, sizeBytes }) => ({
    seq: item.seq,
    size_bytes: sizeBytes,
    cost_usd: usage.costUsd,
    tokens_in: usage.tokensIn,
    tokens_out: usage.tokensOut,
    flags,
  }))
  const sequence = await announceJob(tx, tenantId, jobId)
  await tx.execute(
    `with made as (
       select * from jsonb_to_recordset(?::jsonb) as m (seq integer, size_bytes bigint,
         cost_usd numeric, tokens_in bigint, tokens_out bigint, flags text[])
     ), items as (
       update generation_items i set state = 'stored', drafted = true, size_bytes = m.size_bytes,
         cost_usd = i.cost_usd + m.cost_usd, tokens_in = i.tokens_in + m.tokens_in,
         tokens_out = i.tokens_out + m.tokens_out, flags = m.flags, error_code = null,
         error_message = null, partial_text = null, sequence = ?
       from made m where i.tenant_id = ? and i.job_id = ? and i.seq = m.seq
     )
     update content_generation_jobs j set progress = j.progress + sums.items,
       total_storage_bytes = j.total_storage_bytes + sums.bytes,
       total_cost_usd = j.total_cost_usd + sums.cost,
       tokens_in = j.tokens_in + sums.tokens_in, tokens_out = j.tokens_out + sums.tokens_out
     from (
       select count(*) as items, sum(size_bytes) as bytes, sum(cost_usd) as cost,
         sum(tokens_in) as tokens_in, sum(tokens_out) as tokens_out from made
     ) sums
     where j.tenant_id = ? and j.id = ?`,
    [JSON.stringify(rows), sequence, tenantId, jobId, tenantId, jobId],
  )
}
