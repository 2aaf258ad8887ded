import { expect, test } from 'vitest'
import { decodeGlobalId } from '../../../src/graphql/global-id.ts'
import { bytesPerGb } from '../../../src/lib/bytes.ts'
import { brandOf } from '../../support/contents.ts'
import {
  answered,
  countedThisMonth,
  plantProgress,
  startJob,
  statesOf,
} from '../../support/generation.ts'
import { startGateway, type TestGateway, type TestTenant } from '../../support/gateway.ts'
import { graphql } from '../../support/gql/gql.ts'
import { setTestLlmKey } from '../../support/llm-keys.ts'
import { plantUsage } from '../quota/plants.ts'

const retryDocument = graphql(`
  mutation RetryJob($id: ID!, $failedOnly: Boolean! = true) {
    retryGenerationJob(id: $id, failedOnly: $failedOnly) {
      __typename
      ... on GenerationJobSuccess {
        job {
          id
          status
          progress
          failedCount
          skippedCount
          errorCode
          startedAt
          completedAt
          ownKey
          params {
            topics
          }
        }
      }
      ... on ValidationError {
        issues {
          path
          code
        }
      }
      ... on Error {
        code
        message
      }
    }
  }
`)

async function retry(
  gateway: TestGateway,
  who: TestTenant | string,
  id: string,
  failedOnly?: boolean,
) {
  const variables = failedOnly === undefined ? { id } : { id, failedOnly }
  return answered(await gateway.query(who, retryDocument, variables)).retryGenerationJob
}

const contentIds = async ({ database: { admin } }: TestGateway, id: string) => {
  const { rows } = await admin.query<{ id: string }>(
    'select content_id as id from generation_items where job_id = $1 order by seq',
    [decodeGlobalId(id).id],
  )
  return rows.map((row) => row.id)
}

test('the items of which nothing came are opened again, with their job and a bell', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const id = await startJob(gateway, tenant, { targetCount: 6 })
  const chosen = await contentIds(gateway, id)
  await plantProgress(gateway, id, { status: 'FAILED', stored: 3, failed: 2 })
  const { admin } = gateway.database
  await admin.query(`update content_generation_jobs set error_code = 'COST_LIMIT_REACHED'`)
  await admin.query('update generation_usage set items = 3')
  await admin.query('delete from pgboss.job')

  expect(await retry(gateway, tenant, id)).toMatchObject({
    job: {
      id,
      status: 'PENDING',
      progress: 3,
      failedCount: 0,
      skippedCount: 0,
      errorCode: null,
      startedAt: null,
      completedAt: null,
    },
  })
  expect(await statesOf(gateway, id)).toEqual({ stored: 3, pending: 3 })
  expect(await contentIds(gateway, id)).toEqual(chosen)
  expect(await countedThisMonth(gateway, tenant)).toBe(6)
  expect((await admin.query('select from pgboss.job')).rowCount).toBe(1)
  const { rows } = await admin.query(
    `select sum(failures)::integer as failures, count(error_code)::integer as errors from generation_items`,
  )
  expect(rows).toEqual([{ failures: 0, errors: 0 }])
})

test('ten retries at once open a job once', async () => {
  await using gateway = await startGateway({ DATABASE_ACQUIRE_TIMEOUT_MS: '20000' })
  const tenant = await gateway.newTenant()
  const id = await startJob(gateway, tenant)
  await plantProgress(gateway, id, { status: 'COMPLETED_WITH_ERRORS', stored: 1, failed: 2 })

  const results = await Promise.all(Array.from({ length: 10 }, () => retry(gateway, tenant, id)))

  const names = results.map(({ __typename }) => __typename)
  expect(names.filter((name) => name === 'GenerationJobSuccess')).toHaveLength(1)
  expect(names.filter((name) => name === 'ValidationError')).toHaveLength(9)
  expect(await countedThisMonth(gateway, tenant)).toBe(5)
})

test('a job that goes on, or has made everything, is not opened again', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const id = await startJob(gateway, tenant)
  expect(await retry(gateway, tenant, id)).toMatchObject({
    issues: [{ path: ['id'], code: 'NOT_OVER' }],
    message: 'id: The job is PENDING and goes on by itself; wait, or cancel it',
  })
  await plantProgress(gateway, id, { status: 'COMPLETED', stored: 3 })
  expect(await retry(gateway, tenant, id)).toMatchObject({
    issues: [{ path: ['id'], code: 'NOTHING_TO_RETRY' }],
  })
})

test('the limits hold for what is tried again', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant({ planTier: 'free' })
  const id = await startJob(gateway, tenant, { targetCount: 4 })
  await plantProgress(gateway, id, { status: 'CANCELLED' })
  const { admin } = gateway.database

  await admin.query('update generation_usage set items = 97')
  const resetsAt = new Date()
  resetsAt.setUTCMonth(resetsAt.getUTCMonth() + 1, 1)
  expect(await retry(gateway, tenant, id)).toMatchObject({
    __typename: 'GenerationLimitError',
    message: `4 more items do not fit: your plan allows 100 a month, and 97 are used. Ask for fewer, wait until ${resetsAt.toISOString().slice(0, 10)}, or get a larger plan.`,
  })
  await admin.query('update generation_usage set items = 0')
  for (let job = 0; job < 10; job++) await startJob(gateway, tenant, { targetCount: 1 })
  expect(await retry(gateway, tenant, id)).toMatchObject({ __typename: 'ConcurrencyLimitError' })
  await plantUsage(gateway, tenant, { total_media_storage_bytes: bytesPerGb })
  expect(await retry(gateway, tenant, id)).toMatchObject({ __typename: 'QuotaExceededError' })
  expect(await statesOf(gateway, id)).toEqual({ skipped: 4 })
})

test('on request another job begins from the same input, with a bill of its own', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const id = await startJob(gateway, tenant, {
    ...brandOf(tenant),
    brandAdherence: { level: 'STRICT' },
    maxCostUsd: '1.5',
  })
  await plantProgress(gateway, id, { status: 'COMPLETED', stored: 3 })

  const result = await retry(gateway, tenant, id, false)

  expect(result).toMatchObject({
    job: { status: 'PENDING', progress: 0, params: { topics: ['summer', 'product launch'] } },
  })
  const { rows } = await gateway.database.admin.query(
    `select count(*)::integer as jobs,
       count(distinct (brand_id, campaign_space_id, user_id, job_type, content_type, target_count, platforms,
         model, generation_params, brand_adherence, max_cost_usd))::integer as inputs
     from content_generation_jobs`,
  )
  expect(rows).toEqual([{ jobs: 2, inputs: 1 }])
})

test('a job begun with an own key goes on with another one of the tenant, or not at all', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  await setTestLlmKey(gateway, tenant, { label: 'first' })
  const id = await startJob(gateway, tenant)
  await plantProgress(gateway, id, { status: 'FAILED', failed: 3 })
  await gateway.database.admin.query('delete from llm_keys')

  expect(await retry(gateway, tenant, id)).toMatchObject({ issues: [{ code: 'NO_KEY' }] })
  await setTestLlmKey(gateway, tenant, { label: 'second' })
  expect(await retry(gateway, tenant, id)).toMatchObject({
    job: { status: 'PENDING', ownKey: true },
  })
})
