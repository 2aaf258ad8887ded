import { expect, test } from 'vitest'
import { UpstreamError } from '../../src/lib/errors.ts'
import type { CopyRef } from '../../src/platform/recovery-copy.ts'
import { createTestContents } from '../support/contents.ts'
import { copyVersions } from '../support/copies.ts'
import { type CopiedGateway, startGateway } from '../support/gateway.ts'

async function plantVersions(gateway: CopiedGateway, count: number) {
  const tenant = await gateway.newTenant()
  await createTestContents(gateway, tenant, count)
  await copyVersions(gateway, tenant.id)
  const { rows } = await gateway.database.admin.query<CopyRef>(
    `select id as "versionId", document_id as "documentId", sha256, created_at as at,
       size_bytes::integer as "sizeBytes"
     from content_versions where tenant_id = $1 order by id`,
    [tenant.id],
  )
  return { tenantId: tenant.id, refs: rows }
}

const queriesOf = ({ bigquery }: CopiedGateway) =>
  bigquery.calls.filter(({ operation }) => operation === 'query')

function copyOf({ services: { recoveryCopy } }: CopiedGateway) {
  if (!recoveryCopy) throw new Error('There is no copy')
  return recoveryCopy
}

const outcomeOf = (error: unknown) => (error instanceof UpstreamError ? error.failure : error)

test('tenants take turns: one that asks for much does not keep the others waiting', async () => {
  await using gateway = await startGateway(undefined, { bigquery: true })
  const copy = copyOf(gateway)
  const large = await plantVersions(gateway, 1)
  const small = await plantVersions(gateway, 1)
  const [ref] = large.refs
  const [other] = small.refs
  if (!ref || !other) throw new Error('Nothing was planted')
  gateway.bigquery.calls.length = 0

  const many = Array.from({ length: 1_999 }, (_, index) => ({ ...ref, versionId: `v${index}` }))
  const asked = Promise.all([...many, ref].map((one) => copy.get(large.tenantId, one)))
  const found = await Promise.all([asked, copy.get(small.tenantId, other)])

  expect(found[0].at(-1)?.document.sha256).toBe(ref.sha256)
  expect(found[1]?.document.sha256).toBe(other.sha256)
  const tenants = queriesOf(gateway).map(({ tenant }) => tenant)
  expect(tenants).toEqual([large.tenantId, small.tenantId, large.tenantId])
})

test('who asks for too much, or comes behind too many, is told at once', async () => {
  await using gateway = await startGateway(undefined, { bigquery: true })
  const copy = copyOf(gateway)
  const { tenantId, refs } = await plantVersions(gateway, 1)
  const [ref] = refs
  if (!ref) throw new Error('Nothing was planted')
  gateway.bigquery.calls.length = 0

  const many = Array.from({ length: 2_001 }, (_, index) => ({ ...ref, versionId: `v${index}` }))
  const excess = await Promise.allSettled(many.map((one) => copy.get(tenantId, one)))
  expect(excess.filter(({ status }) => status === 'fulfilled')).toHaveLength(2_000)

  const startedAt = performance.now()
  const tenants = Array.from({ length: 40 }, (_, index) => `tenant-${index}`)
  const turns = await Promise.all(
    tenants.map((tenant) => copy.get(tenant, ref).catch((error: unknown) => outcomeOf(error))),
  )
  const seconds = (performance.now() - startedAt) / 1_000
  expect(turns.filter((turn) => turn === 'overloaded').length).toBeGreaterThanOrEqual(28)
  expect(turns.filter((turn) => turn === null).length).toBeGreaterThanOrEqual(2)
  const begun = queriesOf(gateway).filter(({ tenant }) => tenant?.startsWith('tenant-'))
  expect(begun.length).toBeLessThanOrEqual(2 + 2 * seconds)
})

test('a copy that fails is left alone, and asked again by one query', async () => {
  await using gateway = await startGateway({ LOG_LEVEL: 'silent' }, { bigquery: true })
  const copy = copyOf(gateway)
  const { tenantId, refs } = await plantVersions(gateway, 1)
  const [ref] = refs
  if (!ref) throw new Error('Nothing was planted')
  const ask = () => copy.get(tenantId, ref).catch((error: unknown) => outcomeOf(error))
  gateway.bigquery.calls.length = 0
  gateway.bigquery.faults.add({ operation: 'query', kind: 'status', status: 403 })

  expect(await ask()).toBe('rejected')
  for (let n = 0; n < 20; n++) expect(await ask()).toBe('unavailable')
  expect(queriesOf(gateway)).toHaveLength(1)

  gateway.bigquery.faults.clear()
  await expect.poll(ask, { timeout: 5_000, interval: 100 }).toMatchObject({ document: {} })
  expect(queriesOf(gateway)).toHaveLength(2)
})

test('one failure is one rest, however many tenants meet it or wait behind them', async () => {
  await using gateway = await startGateway({ LOG_LEVEL: 'silent' }, { bigquery: true })
  const copy = copyOf(gateway)
  const { tenantId, refs } = await plantVersions(gateway, 1)
  const [ref] = refs
  if (!ref) throw new Error('Nothing was planted')
  const failed = (tenant: string) =>
    copy.get(tenant, ref).then(
      () => null,
      (error: unknown) => (error instanceof UpstreamError ? error : null),
    )
  gateway.bigquery.calls.length = 0
  gateway.bigquery.faults.add({ operation: 'query', kind: 'status', status: 403 })

  const turns = Array.from({ length: 10 }, (_, index) => failed(`tenant-${index}`))
  // Two may begin at once; the others wait for their turns.
  const together = await Promise.all(turns.slice(0, 2))
  expect(together).toMatchObject([{ failure: 'rejected' }, { failure: 'rejected' }])
  const next = await failed(tenantId)
  expect(next).toMatchObject({ failure: 'unavailable' })
  expect(next?.retryAfterMs).toBeLessThanOrEqual(1_000)

  const refused = (await Promise.all(turns)).filter((error) => error?.failure === 'unavailable')
  expect(refused.length).toBeGreaterThanOrEqual(6)
  expect(queriesOf(gateway).length).toBeLessThanOrEqual(4)
})

test('whoever leaves is not waited for', async () => {
  await using gateway = await startGateway(undefined, { bigquery: true })
  const copy = copyOf(gateway)
  const { tenantId, refs } = await plantVersions(gateway, 1)
  const [ref] = refs
  if (!ref) throw new Error('Nothing was planted')
  gateway.bigquery.faults.add({ operation: 'query', kind: 'hang', times: 1 })
  const leaving = new AbortController()
  const asked = copy.get(tenantId, ref, { signal: leaving.signal })
  await expect.poll(() => queriesOf(gateway).length).toBe(1)

  leaving.abort()

  await expect(asked).rejects.toBe(leaving.signal.reason)
  expect((await copy.get(tenantId, ref))?.document.sha256).toBe(ref.sha256)
})
