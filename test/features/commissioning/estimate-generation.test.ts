import { expect, test } from 'vitest'
import { decodeGlobalId } from '../../../src/graphql/global-id.ts'
import {
  answered,
  countedThisMonth,
  generationInput,
  plantProgress,
  startJob,
} from '../../support/generation.ts'
import { startGateway, type TestGateway, type TestTenant } from '../../support/gateway.ts'
import { graphql } from '../../support/gql/gql.ts'
import type { GenerateContentBatchInput } from '../../support/gql/graphql.ts'
import { countRows } from '../../support/rows.ts'

const estimateDocument = graphql(`
  query EstimateGeneration($input: GenerateContentBatchInput!) {
    estimateGeneration(input: $input) {
      estimatedStorageBytes
      estimatedCostUsd
      estimatedDurationSeconds
      quotaCheck {
        canStore
        currentGb
        projectedGb
      }
      monthlyRemaining
      concurrentSlotsFree
    }
  }
`)

async function estimate(
  gateway: TestGateway,
  who: TestTenant | string,
  input: GenerateContentBatchInput,
) {
  const { estimateGeneration } = answered(await gateway.query(who, estimateDocument, { input }))
  if (!estimateGeneration) throw new Error('no estimate')
  return estimateGeneration
}

test('fifty posts come to about what the requirements say, and nothing is stored', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const before = await countRows(gateway.database.admin)

  const found = await estimate(gateway, tenant, generationInput({ targetCount: 50 }))

  // E-151: 204,800 bytes and 2.50 US dollars for fifty posts by gpt-4.
  expect(Number(found.estimatedStorageBytes)).toBeGreaterThan(204_800 * 0.8)
  expect(Number(found.estimatedStorageBytes)).toBeLessThan(204_800 * 1.2)
  expect(Number(found.estimatedCostUsd)).toBeGreaterThan(2)
  expect(Number(found.estimatedCostUsd)).toBeLessThan(3)
  expect(found.estimatedCostUsd).toMatch(/^\d+\.\d{6}$/)
  expect(found.estimatedDurationSeconds).toBeGreaterThan(0)
  expect(found.quotaCheck.projectedGb - found.quotaCheck.currentGb).toBeCloseTo(
    Number(found.estimatedStorageBytes) / 1024 ** 3,
  )
  expect(found).toMatchObject({ monthlyRemaining: 10_000, concurrentSlotsFree: 10 })
  expect(await countRows(gateway.database.admin)).toEqual(before)
})

test('twenty items of the tenant say more than what is usual, nineteen do not', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const usual = await estimate(gateway, tenant, generationInput({ targetCount: 10 }))
  const finish = async (items: number) => {
    const job = await startJob(gateway, tenant, { targetCount: items })
    await plantProgress(gateway, job, { status: 'COMPLETED', stored: items })
    await gateway.database.admin.query(
      `update content_generation_jobs set total_storage_bytes = progress * 1000,
         total_cost_usd = progress * 0.25, started_at = completed_at - interval '20 seconds'
       where id = $1`,
      [decodeGlobalId(job).id],
    )
  }
  await finish(19)
  expect(await estimate(gateway, tenant, generationInput({ targetCount: 10 }))).toMatchObject({
    estimatedStorageBytes: usual.estimatedStorageBytes,
    estimatedCostUsd: usual.estimatedCostUsd,
  })

  await finish(1)

  expect(await estimate(gateway, tenant, generationInput({ targetCount: 10 }))).toMatchObject({
    estimatedStorageBytes: '10000',
    estimatedCostUsd: '2.500000',
    monthlyRemaining: 10_000 - 20,
  })
  const otherModel = generationInput({ targetCount: 10 }, { model: 'gpt-4o' })
  expect((await estimate(gateway, tenant, otherModel)).estimatedCostUsd).not.toBe('2.500000')
  const articles = generationInput({ targetCount: 10, contentType: 'ARTICLE' })
  expect((await estimate(gateway, tenant, articles)).estimatedStorageBytes).not.toBe('10000')
})

test('what could not be begun is estimated all the same, and what is wrong is refused', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant({ planTier: 'free' })
  for (let job = 0; job < 10; job++) await startJob(gateway, tenant, { targetCount: 10 })

  expect(await estimate(gateway, tenant, generationInput())).toMatchObject({
    monthlyRemaining: 0,
    concurrentSlotsFree: 0,
  })
  const wrong = { input: generationInput({}, { promptTemplate: 'About nothing' }) }
  const { errors } = await gateway.query(tenant, estimateDocument, wrong)
  expect(errors).toMatchObject([
    {
      message: 'input.params.promptTemplate: must say where the topic goes: {topic}',
      extensions: {
        code: 'BAD_USER_INPUT',
        issues: [{ path: ['input', 'params', 'promptTemplate'] }],
      },
    },
  ])
  const input = { input: generationInput() }
  const asViewer = await gateway.query(tenant.tokens.viewer, estimateDocument, input)
  expect(asViewer.errors).toMatchObject([{ extensions: { code: 'FORBIDDEN' } }])
  expect(await countedThisMonth(gateway, tenant)).toBe(100)
})
