import { expect, test } from 'vitest'
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

const cancelDocument = graphql(`
  mutation CancelJob($id: ID!) {
    cancelGenerationJob(id: $id) {
      __typename
      ... on GenerationJobSuccess {
        message
        job {
          status
          progress
          skippedCount
          completedAt
        }
      }
      ... on JobNotCancellableError {
        status
      }
      ... on Error {
        code
        message
      }
    }
  }
`)

async function cancel(gateway: TestGateway, who: TestTenant | string, id: string) {
  return answered(await gateway.query(who, cancelDocument, { id })).cancelGenerationJob
}

test('a job that nobody has begun is cancelled at once, and its month given back', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const id = await startJob(gateway, tenant, { targetCount: 50 })

  expect(await cancel(gateway, tenant, id)).toMatchObject({
    message: 'Job cancelled. 0 out of 50 items were generated before cancellation.',
    job: { status: 'CANCELLED', skippedCount: 50, completedAt: expect.any(String) as string },
  })
  expect(await statesOf(gateway, id)).toEqual({ skipped: 50 })
  expect(await countedThisMonth(gateway, tenant)).toBe(0)
})

test('what was made stays, and what is being written is left to its worker', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const id = await startJob(gateway, tenant, { targetCount: 50 })
  await plantProgress(gateway, id, { status: 'RUNNING', stored: 32, running: 10 })

  expect(await cancel(gateway, tenant, id)).toMatchObject({
    message:
      'The job is being cancelled. 32 out of 50 items were generated so far; what is being written may still be stored.',
    job: { status: 'CANCELLING', progress: 32, skippedCount: 8, completedAt: null },
  })
  expect(await statesOf(gateway, id)).toEqual({ stored: 32, running: 10, skipped: 8 })
  await plantProgress(gateway, id, { status: 'CANCELLED', stored: 32 })
  expect(await cancel(gateway, tenant, id)).toMatchObject({
    message: 'Job cancelled. 32 out of 50 items were generated before cancellation.',
  })
})

test('cancelling ten times, one after the other or at once, is cancelling once', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const id = await startJob(gateway, tenant)
  const sequence = async () => {
    const { rows } = await gateway.database.admin.query<{ sequence: string }>(
      'select sequence from content_generation_jobs',
    )
    return Number(rows[0]?.sequence)
  }
  const before = await sequence()

  const results = await Promise.all(Array.from({ length: 5 }, () => cancel(gateway, tenant, id)))
  for (let time = 0; time < 5; time++) results.push(await cancel(gateway, tenant, id))

  for (const result of results) expect(result).toMatchObject({ job: { status: 'CANCELLED' } })
  expect(await sequence()).toBe(before + 1)
  const { rowCount } = await gateway.database.admin.query(
    `select from audit_events where action = 'cancelGenerationJob'`,
  )
  expect(rowCount).toBe(1)
})

test('a job that ended otherwise is not cancelled', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  for (const status of ['COMPLETED', 'COMPLETED_WITH_ERRORS', 'FAILED'] as const) {
    const id = await startJob(gateway, tenant)
    await plantProgress(gateway, id, { status, stored: 1, failed: 2 })
    expect(await cancel(gateway, tenant, id)).toMatchObject({
      __typename: 'JobNotCancellableError',
      code: 'JOB_NOT_CANCELLABLE',
      status,
    })
  }
})

test("a job of another tenant, or of a brand that is not one's own, is not found", async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const other = await gateway.newTenant()
  const id = await startJob(gateway, tenant, { brandId: brandOf(tenant).brandId })
  await gateway.database.admin.query('delete from brand_members where tenant_id = $1', [tenant.id])
  for (const who of [other.tokens.owner, tenant.tokens.editor]) {
    expect(await cancel(gateway, who, id)).toMatchObject({ __typename: 'NotFoundError' })
  }
  expect(await cancel(gateway, tenant.tokens.viewer, id)).toMatchObject({
    __typename: 'ForbiddenError',
  })
  expect(await statesOf(gateway, id)).toEqual({ pending: 3 })
})
