import { vi } from 'vitest'
import { runGenerationJob } from '../../src/features/drafting/run-generation-job.ts'
import { brandOf } from './contents.ts'
import type { Api, TestGateway, TestTenant } from './gateway.ts'
import { generate } from './generation.ts'
import { graphql } from './gql/gql.ts'
import type { GenerateContentBatchInput, GenerationJobFactsQuery } from './gql/graphql.ts'

const jobDocument = graphql(`
  query GenerationJobFacts($id: ID!) {
    generationJob(id: $id) {
      id
      databaseId
      status
      progress
      targetCount
      failedCount
      skippedCount
      errorCode
      errorMessage
      message
      totalStorageBytes
      totalCostUsd
      tokensIn
      tokensOut
      attempts
      items(first: 100) {
        nodes {
          index
          status
          attempts
          errorCode
          errorMessage
          flags
          costUsd
        }
      }
    }
  }
`)

export type JobFacts = NonNullable<GenerationJobFactsQuery['generationJob']>

/** A request for `count` posts about tea. */
export function batch(
  count: number,
  overrides: Partial<GenerateContentBatchInput> = {},
): GenerateContentBatchInput {
  return {
    jobType: 'batch_social',
    contentType: 'POST',
    targetCount: count,
    platforms: ['INSTAGRAM'],
    params: {
      model: 'local-writer',
      promptTemplate: 'Write a post about {topic}.',
      topics: ['tea', 'coffee', 'cocoa'],
    },
    ...overrides,
  }
}

/** Starts a job; answers its ids. */
export async function startJob(
  api: Api,
  tenant: TestTenant,
  input: GenerateContentBatchInput,
): Promise<{ id: string; databaseId: string }> {
  const result = await generate(api, tenant, input)
  if (result.__typename === 'GenerationJobSuccess') return result.job
  throw new Error(`no job was started: ${JSON.stringify(result)}`)
}

export async function findJob(api: Api, tenant: TestTenant, id: string): Promise<JobFacts> {
  const { data, errors } = await api.query(tenant, jobDocument, { id })
  if (!data?.generationJob) throw new Error(`no job ${id}: ${JSON.stringify(errors)}`)
  return data.generationJob
}

const cancelDocument = graphql(`
  mutation CancelForTest($id: ID!) {
    cancelGenerationJob(id: $id) {
      __typename
      ... on GenerationJobSuccess {
        message
        job {
          status
          progress
          skippedCount
        }
      }
      ... on Error {
        message
      }
    }
  }
`)

/** Asks for a job to end; answers how it stood then. */
export async function cancelJob(api: Api, tenant: TestTenant, id: string) {
  const { data, errors } = await api.query(tenant, cancelDocument, { id })
  const result = data?.cancelGenerationJob
  if (result?.__typename === 'GenerationJobSuccess') return result
  throw new Error(`it was not cancelled: ${JSON.stringify(result ?? errors)}`)
}

const retryDocument = graphql(`
  mutation RetryForTest($id: ID!) {
    retryGenerationJob(id: $id) {
      __typename
      ... on Error {
        message
      }
    }
  }
`)

/** Opens a job again for the items of which nothing came. */
export async function retryJob(api: Api, tenant: TestTenant, id: string): Promise<void> {
  const { data, errors } = await api.query(tenant, retryDocument, { id })
  const result = data?.retryGenerationJob
  if (result?.__typename === 'GenerationJobSuccess') return
  throw new Error(`it was not opened again: ${JSON.stringify(result ?? errors)}`)
}

const over = ['COMPLETED', 'COMPLETED_WITH_ERRORS', 'FAILED', 'CANCELLED']

/** The job once it is over. */
export function awaitJob(
  api: Api,
  tenant: TestTenant,
  id: string,
  timeout = 30_000,
): Promise<JobFacts> {
  return vi.waitUntil(
    async () => {
      const job = await findJob(api, tenant, id)
      return over.includes(job.status) && job
    },
    { timeout, interval: 100 },
  )
}

/** Works on a job as a worker does that has heard its bell, and on nothing else. */
export function workOn(
  { services }: TestGateway,
  bell: { tenantId: string; jobId: string },
): Promise<void> {
  return runGenerationJob({ ...services, signal: AbortSignal.timeout(30_000) }, bell)
}

export const inBrand = (tenant: TestTenant) => ({ brandId: brandOf(tenant).brandId })
