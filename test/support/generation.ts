import { decodeGlobalId } from '../../src/graphql/global-id.ts'
import type { Answer, Api, TestGateway, TestTenant } from './gateway.ts'
import { graphql } from './gql/gql.ts'
import type { BeginGenerationMutation, GenerateContentBatchInput } from './gql/graphql.ts'

const beginDocument = graphql(`
  mutation BeginGeneration($input: GenerateContentBatchInput!) {
    generateContentBatch(input: $input) {
      __typename
      ... on GenerationJobSuccess {
        message
        job {
          id
          databaseId
          status
          progress
          targetCount
        }
      }
      ... on Error {
        code
        message
        path
      }
      ... on ValidationError {
        issues {
          path
          code
        }
      }
    }
  }
`)

/** Three posts on two topics; `fields` and `params` say what is special about the job. */
export function generationInput(
  fields: Partial<GenerateContentBatchInput> = {},
  params: Partial<GenerateContentBatchInput['params']> = {},
): GenerateContentBatchInput {
  return {
    jobType: 'social_media_posts',
    contentType: 'POST',
    targetCount: 3,
    platforms: ['INSTAGRAM', 'FACEBOOK'],
    ...fields,
    params: {
      model: 'gpt-4',
      promptTemplate: 'Create an engaging social media post about {topic}',
      topics: ['summer', 'product launch'],
      ...params,
    },
  }
}

export async function generate(
  gateway: Api,
  who: TestTenant | string,
  input: GenerateContentBatchInput = generationInput(),
): Promise<BeginGenerationMutation['generateContentBatch']> {
  return answered(await gateway.query(who, beginDocument, { input })).generateContentBatch
}

export function answered<Data>({ data, errors }: Answer<Data>): Data {
  if (!data) throw new Error(JSON.stringify(errors))
  return data
}

/** Begins a job, which nobody runs; answers its id. */
export async function startJob(
  gateway: Api,
  who: TestTenant | string,
  fields: Partial<GenerateContentBatchInput> = {},
): Promise<string> {
  const result = await generate(gateway, who, generationInput(fields))
  if (result.__typename !== 'GenerationJobSuccess') throw new Error(JSON.stringify(result))
  return result.job.id
}

interface Progress {
  status: 'RUNNING' | 'CANCELLING' | 'COMPLETED' | 'COMPLETED_WITH_ERRORS' | 'FAILED' | 'CANCELLED'
  stored?: number
  failed?: number
  running?: number
}

/**
 * As if a worker had come so far with a job: items in their order stored, failed and running; the
 * others are skipped when the job is over.
 */
export async function plantProgress(
  { database: { admin } }: Pick<TestGateway, 'database'>,
  jobId: string,
  { stored = 0, failed = 0, running = 0, status }: Progress,
): Promise<void> {
  const { id } = decodeGlobalId(jobId)
  const isOver = !['RUNNING', 'CANCELLING'].includes(status)
  await admin.query(
    `update generation_items set
       error_code = case when seq >= $2 and seq < $3 then 'INVALID_OUTPUT' end,
       error_message = case when seq >= $2 and seq < $3 then 'The text was empty.' end,
       failures = case when seq >= $2 and seq < $3 then 3 else 0 end,
       state = case when seq < $2 then 'stored' when seq < $3 then 'failed'
         when seq < $4 then 'running' when $5 then 'skipped' else 'pending' end
     where job_id = $1`,
    [id, stored, stored + failed, stored + failed + running, isOver],
  )
  await admin.query(
    `update content_generation_jobs set status = $2, progress = $3, failed_count = $4,
       skipped_count = case when $5 then target_count - $3 - $4 else 0 end, attempts = 1,
       started_at = now() - interval '1 minute', completed_at = case when $5 then now() end,
       lease_expires_at = case when $5 then '-infinity' else now() + interval '5 seconds' end
     where id = $1`,
    [id, status.toLowerCase(), stored, failed, isOver],
  )
}

/** How many items of a job are in each state. */
export async function statesOf(
  { database: { admin } }: TestGateway,
  jobId: string,
): Promise<Record<string, number>> {
  const { rows } = await admin.query<{ state: string; count: number }>(
    `select state, count(*)::integer as count from generation_items where job_id = $1 group by state`,
    [decodeGlobalId(jobId).id],
  )
  return Object.fromEntries(rows.map(({ state, count }) => [state, count]))
}

/** Items that count against the tenant's month. */
export async function countedThisMonth(
  { database: { admin } }: TestGateway,
  { id }: TestTenant,
): Promise<number> {
  const { rows } = await admin.query<{ items: number }>(
    `select items from generation_usage where tenant_id = $1`,
    [id],
  )
  return rows[0]?.items ?? 0
}
