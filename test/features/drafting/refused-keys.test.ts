import { expect, test, vi } from 'vitest'
import { canary } from '../../support/canaries.ts'
import { awaitJob, batch, findJob, retryJob, startJob } from '../../support/drafting.ts'
import { accountOf } from '../../support/facts.ts'
import { startGateway, type TestGateway, type TestTenant } from '../../support/gateway.ts'
import { graphql } from '../../support/gql/gql.ts'
import { expectIntact } from '../../support/integrity.ts'
import { startKms } from '../../support/kms.ts'
import { setTestLlmKey } from '../../support/llm-keys.ts'

const validityDocument = graphql(`
  query KeyValidity {
    llmKeys {
      id
      valid
    }
  }
`)

const deleteKeyDocument = graphql(`
  mutation DeleteKeyForTest($id: ID!) {
    deleteLlmKey(id: $id) {
      __typename
    }
  }
`)

const items = 60

interface OwnKeyJob {
  id: string
  llmKeyId: string
  /** What the model's log shows of the key. */
  caller: string
}

const callerOf = (secret: string) => secret.slice(-8)

async function startWithOwnKey(gateway: TestGateway, tenant: TestTenant): Promise<OwnKeyJob> {
  const secret = canary('own')
  const llmKeyId = await setTestLlmKey(gateway, tenant, { provider: 'COMPATIBLE', secret })
  const { params } = batch(items)
  const { id } = await startJob(gateway, tenant, batch(items, { params: { ...params, llmKeyId } }))
  return { id, llmKeyId, caller: callerOf(secret) }
}

async function awaitProgress(gateway: TestGateway, tenant: TestTenant, id: string): Promise<void> {
  await vi.waitUntil(async () => (await findJob(gateway, tenant, id)).progress >= 10, {
    timeout: 15_000,
    interval: 20,
  })
}

const rejected = { status: 'FAILED', errorCode: 'KEY_REJECTED' }

async function expectNothingLeft(gateway: TestGateway, tenant: TestTenant, id: string) {
  const { progress, skippedCount, failedCount } = await findJob(gateway, tenant, id)
  expect(failedCount).toBe(0)
  expect(skippedCount).toBe(items - progress)
  expect(await accountOf(gateway, tenant)).toMatchObject({ items: progress, reserved: 0 })
}

test('a key that is refused in the midst stops its job, which goes on with a new secret', async () => {
  await using gateway = await startGateway()
  await using _worker = await gateway.startWorker()
  gateway.llm.pace.latencyMs = 400
  const tenant = await gateway.newTenant()
  const { id, llmKeyId, caller } = await startWithOwnKey(gateway, tenant)
  await awaitProgress(gateway, tenant, id)

  gateway.llm.faults.add({ operation: 'chat', caller, kind: 'status', status: 401 })
  const job = await awaitJob(gateway, tenant, id, 5_000)

  expect(job).toMatchObject(rejected)
  expect(job.errorMessage).toContain('setLlmKey')
  const refused = gateway.llm.calls.filter(({ status }) => status === 401)
  expect(refused.length).toBeGreaterThan(0)
  expect(refused.length).toBeLessThanOrEqual(3)
  // Nobody else's key takes its place.
  expect(gateway.llm.calls.every((call) => call.caller === caller)).toBe(true)
  await expectNothingLeft(gateway, tenant, id)
  const validity = async () => (await gateway.query(tenant, validityDocument)).data?.llmKeys
  await vi.waitFor(async () => expect(await validity()).toEqual([{ id: llmKeyId, valid: false }]))

  const secret = canary('renewed')
  expect(await setTestLlmKey(gateway, tenant, { provider: 'COMPATIBLE', secret })).toBe(llmKeyId)
  gateway.llm.calls.length = 0
  await retryJob(gateway, tenant, id)
  expect(await awaitJob(gateway, tenant, id)).toMatchObject({
    status: 'COMPLETED',
    progress: items,
    errorCode: null,
  })
  expect(gateway.llm.calls).toHaveLength(items - job.progress)
  expect(gateway.llm.calls.every((call) => call.caller === callerOf(secret))).toBe(true)
  expect(await validity()).toEqual([{ id: llmKeyId, valid: true }])
  await expectIntact(gateway)
})

test('a key that is deleted in the midst is used no more, and another one takes its place', async () => {
  await using gateway = await startGateway()
  await using _worker = await gateway.startWorker()
  gateway.llm.pace.latencyMs = 400
  const tenant = await gateway.newTenant()
  const { id, llmKeyId, caller } = await startWithOwnKey(gateway, tenant)
  await awaitProgress(gateway, tenant, id)

  const { data } = await gateway.query(tenant, deleteKeyDocument, { id: llmKeyId })
  const deletedAt = Date.now()
  expect(data?.deleteLlmKey.__typename).toBe('DeletedIds')
  const job = await awaitJob(gateway, tenant, id, 5_000)

  expect(job).toMatchObject(rejected)
  expect(job.errorMessage).toContain('deleted')
  const late = gateway.llm.calls.filter(({ at }) => Date.parse(at) > deletedAt + 1_000)
  expect(late).toEqual([])
  expect(gateway.llm.calls.every((call) => call.caller === caller)).toBe(true)
  await expectNothingLeft(gateway, tenant, id)

  const secret = canary('next')
  await setTestLlmKey(gateway, tenant, { provider: 'COMPATIBLE', secret })
  gateway.llm.calls.length = 0
  await retryJob(gateway, tenant, id)
  expect(await awaitJob(gateway, tenant, id)).toMatchObject({
    status: 'COMPLETED',
    progress: items,
  })
  expect(gateway.llm.calls.every((call) => call.caller === callerOf(secret))).toBe(true)
  await expectIntact(gateway)
})

test('a key that was deleted before a worker came is not replaced by another one', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const { id, llmKeyId } = await startWithOwnKey(gateway, tenant)
  await gateway.query(tenant, deleteKeyDocument, { id: llmKeyId })
  await setTestLlmKey(gateway, tenant, { provider: 'COMPATIBLE' })

  await using _worker = await gateway.startWorker()
  const job = await awaitJob(gateway, tenant, id)

  expect(job).toMatchObject({ ...rejected, progress: 0, skippedCount: items })
  expect(gateway.llm.calls).toHaveLength(0)
  await expectNothingLeft(gateway, tenant, id)
})

test('without the service that guards the keys no call is made, and the job says why', async () => {
  await using stores = await startGateway({ LOG_LEVEL: 'silent' })
  await using kms = await startKms()
  const { masterKeys } = kms
  await using gateway = await stores.startTwin({}, { masterKeys })
  // Another process: it has no key in its memory.
  await using workshop = await stores.startTwin({}, { masterKeys })
  const tenant = await gateway.newTenant()
  const { id, caller } = await startWithOwnKey(gateway, tenant)
  kms.status = 500

  await using _worker = await workshop.startWorker()
  const job = await awaitJob(gateway, tenant, id)

  expect(job).toMatchObject({ status: 'FAILED', errorCode: 'KEY_SERVICE_UNAVAILABLE', progress: 0 })
  expect(gateway.llm.calls).toHaveLength(0)
  await expectNothingLeft(gateway, tenant, id)

  kms.status = 200
  await retryJob(gateway, tenant, id)
  expect(await awaitJob(gateway, tenant, id)).toMatchObject({
    status: 'COMPLETED',
    progress: items,
  })
  expect(gateway.llm.calls.every((call) => call.caller === caller)).toBe(true)
})
