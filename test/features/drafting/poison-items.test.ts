import { expect, test } from 'vitest'
import { awaitJob, batch, retryJob, startJob } from '../../support/drafting.ts'
import { accountOf } from '../../support/facts.ts'
import { startGateway, type TestGateway } from '../../support/gateway.ts'
import { countedThisMonth } from '../../support/generation.ts'
import { graphql } from '../../support/gql/gql.ts'
import { expectIntact } from '../../support/integrity.ts'

const generatedTexts = graphql(`
  query GeneratedTexts($id: ID!) {
    generationJob(id: $id) {
      generatedContents(first: 100) {
        nodes {
          title
          body {
            raw
          }
        }
      }
    }
  }
`)

const items = 100

/** Its number does not begin that of another one. */
const topicAt = (index: number) => `topic ${index} of many`

const poison = [
  { index: 17, code: 'MODEL_UNAVAILABLE', kind: 'status', status: 500 },
  { index: 42, code: 'INVALID_OUTPUT', kind: 'wrongDraft', as: 'prose' },
  { index: 77, code: 'INVALID_OUTPUT', kind: 'wrongDraft', as: 'huge' },
] as const

/** How often the model was asked for one item. */
function callsFor({ llm }: TestGateway, index: number): number {
  return llm.calls.filter(({ text }) => text?.includes(topicAt(index))).length
}

/** What was spent, as the job, its items and their contents have it. */
async function costsOf({ database }: TestGateway) {
  const { rows } = await database.admin.query<{ job: string; items: string; contents: string }>(
    `select (select sum(total_cost_usd) from content_generation_jobs)::text as job,
       (select sum(cost_usd) from generation_items)::text as items,
       (select sum(cost_usd) from content_generations)::text as contents`,
  )
  return rows[0] ?? { job: '', items: '', contents: '' }
}

test(
  'three items that never succeed are given up; the others are made, and the three when they can be',
  { timeout: 60_000 },
  async () => {
    await using gateway = await startGateway()
    await using _worker = await gateway.startWorker()
    const { faults, calls } = gateway.llm
    for (const { index, code: _, ...fault } of poison) {
      faults.add({ operation: 'chat', text: topicAt(index), ...fault })
    }
    const tenant = await gateway.newTenant()
    const topics = Array.from({ length: items }, (_, index) => topicAt(index))
    const { params } = batch(items)

    const { id } = await startJob(gateway, tenant, batch(items, { params: { ...params, topics } }))
    const job = await awaitJob(gateway, tenant, id)

    expect(job).toMatchObject({ status: 'COMPLETED_WITH_ERRORS', progress: 97, failedCount: 3 })
    const failed = job.items.nodes.filter(({ status }) => status === 'FAILED')
    expect(failed.map(({ index, errorCode }) => ({ index, errorCode }))).toEqual(
      poison.map(({ index, code }) => ({ index, errorCode: code })),
    )
    for (const { index } of poison) expect(callsFor(gateway, index)).toBe(3)
    expect(calls).toHaveLength(97 + 9)
    // Prose is paid for like any other answer.
    expect(Number(failed[1]?.costUsd)).toBeGreaterThan(0)
    const costs = await costsOf(gateway)
    expect(costs.items).toBe(costs.job)
    expect(Number(costs.job)).toBeGreaterThan(Number(costs.contents))
    expect(await accountOf(gateway, tenant)).toMatchObject({ items: 97, reserved: 0 })
    expect(await countedThisMonth(gateway, tenant)).toBe(97)

    faults.clear()
    await retryJob(gateway, tenant, id)
    const retried = await awaitJob(gateway, tenant, id)

    expect(retried).toMatchObject({ status: 'COMPLETED', progress: items, failedCount: 0 })
    expect(retried).toMatchObject({ errorCode: null, errorMessage: null })
    expect(calls).toHaveLength(97 + 9 + 3)
    // What the useless answers have cost stays on the bill.
    const after = await costsOf(gateway)
    expect(after.items).toBe(after.job)
    expect(after.job).toBe(retried.totalCostUsd)
    expect(Number(after.job)).toBeGreaterThan(Number(costs.job))
    expect(await accountOf(gateway, tenant)).toMatchObject({ items, reserved: 0 })
    expect(await countedThisMonth(gateway, tenant)).toBe(items)
    await expectIntact(gateway)
  },
)

test('a script in a text is a text like any other', async () => {
  await using gateway = await startGateway()
  await using _worker = await gateway.startWorker()
  gateway.llm.faults.add({ operation: 'chat', kind: 'wrongDraft', as: 'script' })
  const tenant = await gateway.newTenant()

  const { id } = await startJob(gateway, tenant, batch(2))
  expect(await awaitJob(gateway, tenant, id)).toMatchObject({ status: 'COMPLETED', progress: 2 })

  const script = '<script>alert(document.cookie)</script><img src=x onerror=alert(1)>'
  const { data } = await gateway.query(tenant, generatedTexts, { id })
  const texts = data?.generationJob?.generatedContents.nodes ?? []
  expect(texts).toHaveLength(2)
  for (const { title, body } of texts) {
    expect(title.endsWith(script)).toBe(true)
    expect(body?.raw.startsWith(`${script}\n\n`)).toBe(true)
  }
  await expectIntact(gateway)
})

test('what the provider refuses of every item is not asked for of every item', async () => {
  await using gateway = await startGateway()
  await using _worker = await gateway.startWorker()
  gateway.llm.faults.add({ operation: 'chat', kind: 'status', status: 400 })
  const tenant = await gateway.newTenant()

  const { id } = await startJob(gateway, tenant, batch(items))
  const job = await awaitJob(gateway, tenant, id)

  expect(job).toMatchObject({ status: 'FAILED', errorCode: 'MODEL_REJECTED', progress: 0 })
  expect(job.failedCount + job.skippedCount).toBe(items)
  expect(gateway.llm.calls.length).toBeGreaterThanOrEqual(3)
  expect(gateway.llm.calls.length).toBeLessThanOrEqual(10)
  expect(await countedThisMonth(gateway, tenant)).toBe(0)
})
