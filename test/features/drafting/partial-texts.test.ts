import { expect, test, vi } from 'vitest'
import { awaitJob, batch, startJob } from '../../support/drafting.ts'
import { startGateway } from '../../support/gateway.ts'
import { streamClient, subscribe } from '../../support/live.ts'

interface JobEvent {
  generationJob: { kind: string; item: { index: number } | null; partialText: string | null }
}

const subscription = `subscription ($id: ID!, $texts: Boolean!) {
  generationJob(id: $id, includePartialText: $texts) { kind item { index } partialText }
}`

test('whoever watches a text while it is written sees it grow, and nobody else does', async () => {
  await using gateway = await startGateway()
  gateway.llm.pace.msPerToken = 15
  const tenant = await gateway.newTenant()
  const { id } = await startJob(gateway, tenant, batch(1))
  using client = streamClient(gateway.url, tenant.tokens.owner)
  const watcher = subscribe<JobEvent>(client, subscription, { id, texts: true })
  const other = subscribe<JobEvent>(client, subscription, { id, texts: false })
  await vi.waitUntil(() => watcher.data.length > 0 && other.data.length > 0)

  await using _worker = await gateway.startWorker()
  await awaitJob(gateway, tenant, id)
  await vi.waitUntil(() => watcher.completed && other.completed)

  const texts = watcher.data.flatMap(({ generationJob }) => generationJob.partialText ?? [])
  expect(texts.length).toBeGreaterThan(1)
  for (const [index, text] of texts.slice(1).entries()) {
    expect(text.startsWith(texts[index] ?? '-')).toBe(true)
  }
  expect(texts.at(-1)?.length).toBeGreaterThan(texts[0]?.length ?? Infinity)
  expect(other.data.every(({ generationJob }) => generationJob.partialText === null)).toBe(true)
  const { rows } = await gateway.database.admin.query(
    `select from generation_items where partial_text is not null`,
  )
  expect(rows).toEqual([])
})

test('what nobody watches is not written down before it is done', async () => {
  await using gateway = await startGateway()
  gateway.llm.pace.msPerToken = 15
  const tenant = await gateway.newTenant()
  const { id } = await startJob(gateway, tenant, batch(1))
  await gateway.database.admin.query(
    `alter table generation_items add constraint nobody_watches check (partial_text is null)`,
  )

  await using _worker = await gateway.startWorker()

  expect(await awaitJob(gateway, tenant, id)).toMatchObject({ status: 'COMPLETED', attempts: 1 })
})
