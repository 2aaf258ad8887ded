import { expect, test, vi } from 'vitest'
import { canary } from '../../support/canaries.ts'
import { awaitJob, batch, startJob } from '../../support/drafting.ts'
import { accountOf } from '../../support/facts.ts'
import { startGateway, type TestGateway, type TestTenant } from '../../support/gateway.ts'
import { expectIntact } from '../../support/integrity.ts'
import { setTestLlmKey } from '../../support/llm-keys.ts'

const workers = 4
const jobs = 50
const itemsEach = 4
const smallTenants = 5
/** Model calls and unfinished jobs of one tenant (E-153). */
const limit = 10

interface Caller {
  tenant: TestTenant
  /** By which the model knows whose calls are whose. */
  secret: string
  llmKeyId: string
}

async function newCaller(gateway: TestGateway): Promise<Caller> {
  const tenant = await gateway.newTenant()
  const secret = canary('caller')
  const llmKeyId = await setTestLlmKey(gateway, tenant, { provider: 'COMPATIBLE', secret })
  return { tenant, secret, llmKeyId }
}

/** Answers the id of the job, whose calls are made with the caller's key. */
async function begin(gateway: TestGateway, { tenant, llmKeyId }: Caller): Promise<string> {
  const { params } = batch(itemsEach)
  const input = batch(itemsEach, { params: { ...params, llmKeyId } })
  return (await startJob(gateway, tenant, input)).id
}

/** One after the other, as often as the tenant may have another one. */
async function runJobs(gateway: TestGateway, caller: Caller, count: number): Promise<string[]> {
  const ids: string[] = []
  for (let job = 0; job < count; job++) {
    const id = await begin(gateway, caller)
    expect(await awaitJob(gateway, caller.tenant, id)).toMatchObject({ status: 'COMPLETED' })
    ids.push(id)
  }
  return ids
}

test(
  'a tenant with fifty jobs makes ten calls at a time, and others need not wait for it',
  { timeout: 120_000 },
  async () => {
    await using gateway = await startGateway()
    await using opened = new AsyncDisposableStack()
    for (let worker = 0; worker < workers; worker++) {
      const twin = opened.use(await gateway.startTwin())
      opened.use(await twin.startWorker())
    }
    // Long enough for ten calls to be under way together on a slow machine.
    gateway.llm.pace.latencyMs = 800
    const { gauge, calls } = gateway.llm
    const large = await newCaller(gateway)
    const small = await Promise.all(Array.from({ length: smallTenants }, () => newCaller(gateway)))

    const lanes = Array.from({ length: limit }, () => runJobs(gateway, large, jobs / limit))
    await vi.waitUntil(() => gauge.read(large.secret).now === limit, {
      timeout: 20_000,
      interval: 5,
    })
    const smallJobs = await Promise.all(
      small.map(async (caller) => {
        const id = await begin(gateway, caller)
        await vi.waitUntil(() => gauge.read(caller.secret).most > 0, { timeout: 5_000 })
        return id
      }),
    )
    const callsBefore = calls.length
    const made = (await Promise.all(lanes)).flat()

    expect(callsBefore).toBeLessThan(jobs * itemsEach)
    expect(new Set(made).size).toBe(jobs)
    expect(gauge.read(large.secret).most).toBe(limit)
    for (const [index, { tenant }] of small.entries()) {
      const job = await awaitJob(gateway, tenant, smallJobs[index] ?? '')
      expect(job).toMatchObject({ status: 'COMPLETED', attempts: 1 })
      expect(await accountOf(gateway, tenant)).toMatchObject({ items: itemsEach, reserved: 0 })
    }
    expect(await accountOf(gateway, large.tenant)).toMatchObject({
      items: jobs * itemsEach,
      reserved: 0,
    })
    expect(calls).toHaveLength((jobs + smallTenants) * itemsEach)
    await expectIntact(gateway)
  },
)
