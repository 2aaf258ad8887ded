import { expect, test } from 'vitest'
import { decodeGlobalId, encodeGlobalId } from '../../../src/graphql/global-id.ts'
import { newId } from '../../../src/lib/id.ts'
import { brandOf } from '../../support/contents.ts'
import {
  countedThisMonth,
  generate,
  generationInput,
  plantProgress,
  startJob,
  statesOf,
} from '../../support/generation.ts'
import { startGateway, type TestGateway, type TestTenant } from '../../support/gateway.ts'
import { expectIntact } from '../../support/integrity.ts'
import { setTestLlmKey } from '../../support/llm-keys.ts'
import { plantUsage } from '../quota/plants.ts'

const idOf = (globalId: string) => decodeGlobalId(globalId).id

async function jobRow({ database: { admin } }: TestGateway, jobId: string) {
  const { rows } = await admin.query<Record<string, unknown>>(
    `select provider, llm_key_id, own_key, model, brand_id, generation_params, brand_adherence,
       estimated_item_bytes, max_cost_usd
     from content_generation_jobs where id = $1`,
    [idOf(jobId)],
  )
  return rows[0]
}

async function jobsOf({ database: { admin } }: TestGateway, { id }: TestTenant): Promise<number> {
  const { rows } = await admin.query<{ jobs: number }>(
    'select count(*)::integer as jobs from content_generation_jobs where tenant_id = $1',
    [id],
  )
  return rows[0]?.jobs ?? Number.NaN
}

test('a job is pending, with its items, their topics in turn, an audit event and a bell', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const input = generationInput({ ...brandOf(tenant), targetCount: 5, brandAdherence: {} })

  const result = await generate(gateway, tenant.tokens.editor, input)

  expect(result).toMatchObject({
    __typename: 'GenerationJobSuccess',
    message: 'The job waits for a worker.',
    job: { status: 'PENDING', progress: 0, targetCount: 5 },
  })
  if (result.__typename !== 'GenerationJobSuccess') return
  const { admin } = gateway.database
  const items = await admin.query<{ topic: string }>(
    `select topic, state from generation_items where job_id = $1 order by seq`,
    [result.job.databaseId],
  )
  expect(items.rows.map(({ topic }) => topic)).toEqual([
    'summer',
    'product launch',
    'summer',
    'product launch',
    'summer',
  ])
  expect(await jobRow(gateway, result.job.id)).toMatchObject({
    brand_adherence: { level: 'MODERATE', enforceBrandVoice: true, checkCompliance: true },
    generation_params: {
      temperature: 0.7,
      includeHashtags: true,
      includeEmojis: false,
      tone: null,
      maxTokens: null,
    },
  })
  const events = await gateway.query<{ auditEvents: { nodes: object[] } }, object>(
    tenant,
    `{ auditEvents(subjectId: "${result.job.id}") { nodes { action after } } }`,
  )
  expect(events.data?.auditEvents.nodes).toEqual([
    {
      action: 'generateContentBatch',
      after: expect.objectContaining({ targetCount: 5 }) as object,
    },
  ])
  const bells = await admin.query(`select from pgboss.job where data ->> 'jobId' = $1`, [
    result.job.databaseId,
  ])
  expect(bells.rowCount).toBe(1)
  expect(await countedThisMonth(gateway, tenant)).toBe(5)
})

test('the same key a hundred times at once makes one job, and another input is refused', async () => {
  await using gateway = await startGateway({
    DATABASE_POOL_SIZE: '20',
    DATABASE_ACQUIRE_TIMEOUT_MS: '20000',
  })
  const tenant = await gateway.newTenant()
  const input = generationInput({ idempotencyKey: 'twice' })

  const results = await Promise.all(
    Array.from({ length: 100 }, () => generate(gateway, tenant, input)),
  )

  const ids = results.map((result) =>
    result.__typename === 'GenerationJobSuccess' ? result.job.id : JSON.stringify(result),
  )
  expect(new Set(ids).size).toBe(1)
  expect(await jobsOf(gateway, tenant)).toBe(1)
  expect(await countedThisMonth(gateway, tenant)).toBe(3)
  expect(await generate(gateway, tenant, { ...input, targetCount: 4 })).toMatchObject({
    __typename: 'ValidationError',
    code: 'IDEMPOTENCY_MISMATCH',
  })
  await expectIntact(gateway)
})

test('a repeat answers its job although there is no room for another one by now', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const input = generationInput({ idempotencyKey: 'first' })
  const first = await generate(gateway, tenant, input)
  await plantUsage(gateway, tenant, { total_media_storage_bytes: 100 * 1024 ** 3 })

  expect(await generate(gateway, tenant, input)).toEqual(first)
  expect(await generate(gateway, tenant, generationInput())).toMatchObject({
    __typename: 'QuotaExceededError',
    path: ['input', 'targetCount'],
  })
})

test('all that is wrong with an input is said at once', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const { campaignSpaceId } = brandOf(tenant)
  const input = generationInput(
    { jobType: ' ', targetCount: 50_001, campaignSpaceId, maxCostUsd: '-1' },
    {
      model: 'nobody-knows-it',
      temperature: 2.1,
      maxTokens: 0,
      promptTemplate: 'About nothing',
      topics: ['', 'x'.repeat(501)],
      tone: 'x'.repeat(201),
    },
  )

  const result = await generate(gateway, tenant, input)

  const issues = result.__typename === 'ValidationError' ? result.issues : []
  expect(issues.map(({ path }) => path.slice(1).join('.')).toSorted()).toEqual([
    'brandId',
    'jobType',
    'maxCostUsd',
    'maxCostUsd',
    'params.maxTokens',
    'params.promptTemplate',
    'params.temperature',
    'params.tone',
    'params.topics.0',
    'params.topics.1',
    'targetCount',
    'targetCount',
  ])
  expect(await jobsOf(gateway, tenant)).toBe(0)
})

test('a brand out of reach looks like one that is not there', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const other = await gateway.newTenant()
  await gateway.database.admin.query('delete from brand_members where tenant_id = $1', [tenant.id])
  const ask = async (who: string, brandId: string) => {
    const result = await generate(gateway, who, generationInput({ brandId }))
    return result.__typename === 'ValidationError' ? result.issues : result.__typename
  }
  const missing = await ask(tenant.tokens.owner, encodeGlobalId('Brand', newId()))
  expect(missing).toEqual([{ path: ['input', 'brandId'], code: 'NOT_FOUND' }])
  expect(await ask(tenant.tokens.owner, brandOf(other).brandId)).toEqual(missing)
  expect(await ask(tenant.tokens.editor, brandOf(tenant).brandId)).toEqual(missing)
  expect(await ask(tenant.tokens.owner, brandOf(tenant).brandId)).toBe('GenerationJobSuccess')
})

test("the tenant's own key comes before the platform's, and one that was refused is not used", async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const platforms = await startJob(gateway, tenant)
  expect(await jobRow(gateway, platforms)).toMatchObject({ provider: 'compatible', own_key: false })

  const older = await setTestLlmKey(gateway, tenant, { label: 'older' })
  const newer = await setTestLlmKey(gateway, tenant, { label: 'newer' })
  expect(await jobRow(gateway, await startJob(gateway, tenant))).toMatchObject({
    provider: 'openai',
    own_key: true,
    llm_key_id: idOf(newer),
  })
  await gateway.database.admin.query('update llm_keys set rejected_at = now() where id = $1', [
    idOf(newer),
  ])
  expect(await jobRow(gateway, await startJob(gateway, tenant))).toMatchObject({
    llm_key_id: idOf(older),
  })
  const byName = generationInput({}, { llmKeyId: newer })
  expect(await generate(gateway, tenant, byName)).toMatchObject({
    __typename: 'ValidationError',
    issues: [{ path: ['input', 'params', 'llmKeyId'], code: 'KEY_REJECTED' }],
  })
})

test('twelve at once begin ten jobs, and an ended one makes room', async () => {
  await using gateway = await startGateway({ DATABASE_ACQUIRE_TIMEOUT_MS: '20000' })
  const tenant = await gateway.newTenant()

  const results = await Promise.all(Array.from({ length: 12 }, () => generate(gateway, tenant)))

  const refused = results.filter(({ __typename }) => __typename === 'ConcurrencyLimitError')
  expect(refused).toHaveLength(2)
  expect(await jobsOf(gateway, tenant)).toBe(10)
  const [begun] = results.filter((result) => result.__typename === 'GenerationJobSuccess')
  await plantProgress(gateway, begun?.job.id ?? '', { status: 'COMPLETED', stored: 3 })
  expect((await generate(gateway, tenant)).__typename).toBe('GenerationJobSuccess')
})

test('parallel jobs fill the month of a plan and do not pass it', async () => {
  await using gateway = await startGateway({ DATABASE_ACQUIRE_TIMEOUT_MS: '20000' })
  const tenant = await gateway.newTenant({ planTier: 'free' })

  const results = await Promise.all(
    Array.from({ length: 8 }, () =>
      generate(gateway, tenant, generationInput({ targetCount: 20 })),
    ),
  )

  const names = results.map(({ __typename }) => __typename)
  expect(names.filter((name) => name === 'GenerationJobSuccess')).toHaveLength(5)
  expect(names.filter((name) => name === 'GenerationLimitError')).toHaveLength(3)
  expect(await countedThisMonth(gateway, tenant)).toBe(100)
  expect(await generate(gateway, tenant, generationInput({ targetCount: 101 }))).toMatchObject({
    __typename: 'ValidationError',
    issues: [{ path: ['input', 'targetCount'], code: 'TOO_BIG' }],
  })
})

test('a job of 50,000 items is one job', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant({ planTier: 'enterprise' })
  const topics = Array.from({ length: 1_000 }, (_, index) => `topic ${index}`)
  const input = generationInput({ targetCount: 50_000 }, { topics })

  const result = await generate(gateway, tenant, input)

  expect(result).toMatchObject({ __typename: 'GenerationJobSuccess' })
  if (result.__typename !== 'GenerationJobSuccess') return
  expect(await statesOf(gateway, result.job.id)).toEqual({ pending: 50_000 })
  const { rows } = await gateway.database.admin.query(
    `select max(seq) as last, count(distinct topic)::integer as topics,
       (array_agg(topic order by seq))[1001] as again
     from generation_items where job_id = $1`,
    [result.job.databaseId],
  )
  expect(rows).toEqual([{ last: 49_999, topics: 1_000, again: 'topic 0' }])
})
