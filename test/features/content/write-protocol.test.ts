import { expect, test, vi } from 'vitest'
import { bytesPerGb } from '../../../src/lib/bytes.ts'
import { newId } from '../../../src/lib/id.ts'
import type { Fault } from '../../../src/local/faults.ts'
import type { ZeroDbOperation } from '../../../src/local/zerodb/routes.ts'
import { brandOf, createTestContents } from '../../support/contents.ts'
import { startGateway, type TestGateway, type TestTenant } from '../../support/gateway.ts'
import { expectIntact, expireLeases, verify } from '../../support/integrity.ts'
import { createMany, createOne, draft, upsertOne } from '../../support/writes.ts'

const text = (raw: string) => ({ format: 'TEXT' as const, raw })
const ref = (id: string) => ({ externalRef: { system: 'cms', id } })

/** What PostgreSQL says of a tenant, whoever may see it. */
async function stateOf({ database }: TestGateway, { id }: TestTenant) {
  const { rows } = await database.admin.query<{
    contents: number
    versions: number
    reserved: number
    used: number
    pending: number
  }>(
    `select (select count(*)::integer from content_items where tenant_id = $1) as contents,
       (select count(*)::integer from content_versions where tenant_id = $1) as versions,
       (select count(*)::integer from content_write_intents
        where tenant_id = $1 and state = 'pending') as pending,
       reserved_bytes::integer as reserved, total_storage_bytes::integer as used
     from content_storage_usage where tenant_id = $1`,
    [id],
  )
  return rows[0]
}

/** A minute later: the sweeper comes, and nothing but the contents and their history is left. */
async function sweepAndVerify(gateway: TestGateway) {
  await expireLeases(gateway)
  await gateway.sweep()
  const { findings, checked } = await verify(gateway)
  expect(findings).toEqual([])
  expect(checked.documents).toBe(checked.expected - checked.contents - checked.versions)
}

type ZeroDbFault = Fault<ZeroDbOperation>

/** Ways in which ZeroDB can be away while a write stores its documents. */
const outages: Record<string, ZeroDbFault[]> = {
  'inserts are not applied': [{ operation: 'insert', kind: 'reset' }],
  'inserts are answered with 500': [{ operation: 'insert', kind: 'status', status: 500 }],
  'inserts are applied and all answers are lost': [{ operation: '*', kind: 'answerLost' }],
  'inserts are applied and nobody can look': [
    { operation: 'insert', kind: 'answerLost' },
    { operation: 'query', kind: 'status', status: 503 },
  ],
  'inserts hang': [{ operation: 'insert', kind: 'hang' }],
  'bodies are stored and history is not': [
    { operation: 'insert', table: 'content_versions', kind: 'status', status: 500 },
  ],
  'history is stored and bodies are not': [
    { operation: 'insert', table: 'content_items', kind: 'status', status: 500 },
  ],
  'inserts are throttled for long': [
    { operation: 'insert', kind: 'status', status: 429, retryAfterSeconds: 5 },
  ],
}

type Write = (gateway: TestGateway, tenant: TestTenant) => Promise<{ __typename: string }>

interface Case {
  /** What is there before. */
  prepare?: Write
  write: Write
  /** What is there once it has happened, exactly once. */
  effect: { contents: number; versions: number }
}

const key = 'a key'
const writes: Record<string, Case> = {
  createContent: {
    write: (gateway, tenant) =>
      createOne(gateway, tenant, draft({ body: text('One body'), idempotencyKey: key })),
    effect: { contents: 1, versions: 1 },
  },
  'createContents of three': {
    write: (gateway, tenant) =>
      createMany(
        gateway,
        tenant,
        ['a', 'b', 'c'].map((n) => draft({ body: text(n), idempotencyKey: `${key} ${n}` })),
      ),
    effect: { contents: 3, versions: 3 },
  },
  'upsertContent of a new content': {
    write: (gateway, tenant) =>
      upsertOne(gateway, tenant, ref('1'), draft({ body: text('New'), idempotencyKey: key })),
    effect: { contents: 1, versions: 1 },
  },
  'upsertContent of a new version': {
    prepare: (gateway, tenant) =>
      upsertOne(gateway, tenant, ref('1'), draft({ body: text('Old') })),
    write: (gateway, tenant) =>
      upsertOne(gateway, tenant, ref('1'), draft({ body: text('Newer'), idempotencyKey: key })),
    effect: { contents: 1, versions: 2 },
  },
}

type Recovery = (
  gateway: TestGateway,
  write: () => Promise<{ __typename: string }>,
) => Promise<void>

const succeeded = expect.stringMatching(/Success$/)

/** What may happen after a write that failed, in any order. */
const recoveries: Record<string, Recovery> = {
  async 'is repeated'(_gateway, write) {
    expect((await write()).__typename).toEqual(succeeded)
  },
  async 'is swept, then repeated twice'(gateway, write) {
    await expireLeases(gateway)
    await gateway.sweep()
    expect((await write()).__typename).toEqual(succeeded)
    expect((await write()).__typename).toEqual(succeeded)
  },
  async 'is repeated by two at once'(_gateway, write) {
    const answers = await Promise.all([write(), write()])
    expect(answers.map(({ __typename }) => __typename)).toContainEqual(succeeded)
    expect((await write()).__typename).toEqual(succeeded)
  },
}

const cases = Object.keys(outages).flatMap((outage) =>
  Object.keys(writes).map((write) => [write, outage] as const),
)

test.for(cases)('%s while %s: nothing happens, a repeat happens once', async ([name, outage]) => {
  await using gateway = await startGateway({ ZERODB_TIMEOUT_MS: '300' })
  const { prepare, write, effect } = writes[name] as Case
  for (const [recovery, recover] of Object.entries(recoveries)) {
    const tenant = await gateway.newTenant()
    await prepare?.(gateway, tenant)
    const before = await stateOf(gateway, tenant)
    // A machine of its own: its breaker may open, the others know nothing of it.
    await using struck = await gateway.startTwin()
    gateway.zerodb.faults.add(...(outages[outage] as ZeroDbFault[]))

    const failed = await write(struck, tenant)

    expect(failed).toMatchObject({ code: 'STORAGE_UNAVAILABLE', store: 'ZERODB' })
    expect(await stateOf(gateway, tenant), recovery).toEqual(before)
    gateway.zerodb.faults.clear()
    await expectIntact(gateway)
    await recover(gateway, () => write(gateway, tenant))
    expect(await stateOf(gateway, tenant), recovery).toMatchObject({ ...effect, pending: 0 })
  }
  await sweepAndVerify(gateway)
})
