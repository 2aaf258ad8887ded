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

const zerodbAway = { code: 'STORAGE_UNAVAILABLE', store: 'ZERODB' }

test.for(Object.entries(outages))(
  'while %s, nothing happens, and a repeat happens once',
  async ([, faults]) => {
    await using gateway = await startGateway()
    for (const [name, { prepare, write, effect }] of Object.entries(writes)) {
      for (const [recovery, recover] of Object.entries(recoveries)) {
        const tenant = await gateway.newTenant()
        await prepare?.(gateway, tenant)
        const before = await stateOf(gateway, tenant)
        // A machine of its own: its breaker may open, the others know nothing of it.
        await using struck = await gateway.startTwin({ ZERODB_TIMEOUT_MS: '200' })
        gateway.zerodb.faults.add(...faults)

        const failed = await write(struck, tenant)

        const place = `${name} ${recovery}`
        expect({ place, ...failed }).toMatchObject({ place, ...zerodbAway })
        expect({ place, ...(await stateOf(gateway, tenant)) }).toEqual({ place, ...before })
        gateway.zerodb.faults.clear()
        await expectIntact(gateway)
        await recover(gateway, () => write(gateway, tenant))
        const after = { place, ...(await stateOf(gateway, tenant)) }
        expect(after).toMatchObject({ place, ...effect, pending: 0, reserved: 0 })
      }
    }
    await sweepAndVerify(gateway)
  },
)

test.for<ZeroDbFault['kind']>(['reset', 'answerLost'])(
  'one lost insert (%s) is made good within the call, without a second row',
  async (kind) => {
    await using gateway = await startGateway()
    const tenant = await gateway.newTenant()
    for (const table of ['content_items', 'content_versions']) {
      gateway.zerodb.faults.add({ operation: 'insert', table, kind, times: 1 } as ZeroDbFault)
    }

    const { __typename } = await createOne(gateway, tenant, draft())

    expect(__typename).toBe('ContentSuccess')
    const { findings, checked } = await verify(gateway)
    expect(findings).toEqual([])
    expect(checked.documents).toBe(2)
    const inserts = gateway.zerodb.calls.filter(({ operation }) => operation === 'insert')
    expect(inserts).toHaveLength(kind === 'reset' ? 4 : 2)
  },
)

/** Waits until the write has begun: its intent is there, nothing of it is stored. */
async function untilBegun(gateway: TestGateway, tenant: TestTenant): Promise<void> {
  await vi.waitUntil(async () => (await stateOf(gateway, tenant))?.pending === 1, { interval: 5 })
}

test('a writer that slept through the sweep cannot commit, and its documents go a day later', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  gateway.zerodb.faults.add({ operation: 'insert', kind: 'latency', ms: 500 })
  const zombie = createOne(gateway, tenant, draft({ idempotencyKey: key }))
  await untilBegun(gateway, tenant)
  await expireLeases(gateway)
  await gateway.sweep()

  expect(await zombie).toMatchObject({ code: 'STORAGE_UNAVAILABLE' })

  expect(await stateOf(gateway, tenant)).toMatchObject({ contents: 0, reserved: 0, pending: 0 })
  const { findings, checked } = await verify(gateway)
  expect(findings).toEqual([])
  expect(checked.documents).toBe(2)
  await expireLeases(gateway, 24)
  await gateway.sweep()
  expect((await verify(gateway)).checked.documents).toBe(0)
  await expectIntact(gateway)
})

test('reservations of dead writers are released while ZeroDB is away, in every tenant', async () => {
  await using gateway = await startGateway()
  const tenants = [await gateway.newTenant(), await gateway.newTenant(), await gateway.newTenant()]
  gateway.zerodb.faults.add({ operation: 'insert', kind: 'latency', ms: 500 })
  const zombies = tenants.map((tenant) => createOne(gateway, tenant, draft()))
  for (const tenant of tenants) await untilBegun(gateway, tenant)
  await expireLeases(gateway)
  gateway.zerodb.faults.add({ operation: 'bulkDelete', kind: 'status', status: 500 })

  const [sweep] = await Promise.allSettled([gateway.sweep()])
  const states = await Promise.all(tenants.map((tenant) => stateOf(gateway, tenant)))
  await Promise.all(zombies)

  expect(sweep).toMatchObject({ status: 'rejected', reason: { neighbour: 'ZeroDB' } })
  const released = { contents: 0, pending: 0, reserved: 0 }
  expect(states).toMatchObject(tenants.map(() => released))
  gateway.zerodb.faults.clear()
  await using twin = await gateway.startTwin()
  await sweepAndVerify(twin)
})

test('a writer whose key was taken over cannot commit', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const input = draft({ idempotencyKey: key })
  gateway.zerodb.faults.add({ operation: 'insert', kind: 'latency', ms: 500, times: 2 })
  const zombie = createOne(gateway, tenant, input)
  await untilBegun(gateway, tenant)
  await expireLeases(gateway)

  const heir = await createOne(gateway, tenant, input)

  expect(heir.__typename).toBe('ContentSuccess')
  expect(await zombie).toMatchObject({ code: 'STORAGE_UNAVAILABLE' })
  expect(await createOne(gateway, tenant, input)).toEqual(heir)
  expect(await stateOf(gateway, tenant)).toMatchObject({ contents: 1, versions: 1, reserved: 0 })
  await sweepAndVerify(gateway)
})

test('a connection that dies in the last transaction leaves no effect, and a repeat has one', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const input = draft({ idempotencyKey: key })
  gateway.zerodb.faults.add({ operation: 'insert', kind: 'latency', ms: 300 })
  const writing = createOne(gateway, tenant, input)
  await untilBegun(gateway, tenant)
  const { admin } = gateway.database
  const blocker = await admin.connect()
  await blocker.query('begin')
  await blocker.query('select from content_storage_usage where tenant_id = $1 for update', [
    tenant.id,
  ])
  await vi.waitUntil(async () => (await blockedPids(gateway)).length > 0)
  for (const pid of await blockedPids(gateway)) {
    await admin.query('select pg_terminate_backend($1)', [pid])
  }
  await blocker.query('rollback')
  blocker.release()

  expect(await writing).toMatchObject({ code: 'STORAGE_UNAVAILABLE', store: 'POSTGRES' })

  expect(await stateOf(gateway, tenant)).toMatchObject({ contents: 0, reserved: 0, pending: 0 })
  gateway.zerodb.faults.clear()
  expect((await createOne(gateway, tenant, input)).__typename).toBe('ContentSuccess')
  expect(await stateOf(gateway, tenant)).toMatchObject({ contents: 1, versions: 1 })
  await sweepAndVerify(gateway)
})

test('fifty requests with one key have one effect; the others get its result or are asked to wait', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  gateway.zerodb.faults.add({ operation: 'insert', kind: 'latency', ms: 50 })
  const input = draft({ idempotencyKey: key })

  const answers = await Promise.all(
    Array.from({ length: 50 }, () => createOne(gateway, tenant, input)),
  )

  const contents = answers.flatMap((answer) => ('content' in answer ? [answer.content.id] : []))
  const errors = answers.flatMap((answer) => ('code' in answer ? [answer.code] : []))
  expect(new Set(contents).size).toBe(1)
  expect(new Set(errors)).toEqual(new Set(['IDEMPOTENCY_IN_PROGRESS']))
  expect(contents.length + errors.length).toBe(50)
  expect(await stateOf(gateway, tenant)).toMatchObject({ contents: 1, versions: 1, reserved: 0 })
  await sweepAndVerify(gateway)
})

test('a key belongs to one input of one mutation of one tenant', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const other = await gateway.newTenant()
  const input = draft({ idempotencyKey: key })
  const first = await createOne(gateway, tenant, input)

  const changed = await createOne(gateway, tenant, { ...input, title: 'Another title' })
  const elsewhere = await createOne(gateway, other, input)
  const otherMutation = await upsertOne(gateway, tenant, ref('1'), input)

  expect(changed).toMatchObject({ code: 'IDEMPOTENCY_MISMATCH', path: ['input', 'idempotencyKey'] })
  expect(elsewhere.__typename).toBe('ContentSuccess')
  expect(otherMutation.__typename).toBe('ContentSuccess')
  expect(await createOne(gateway, tenant, input)).toEqual(first)
  expect(await stateOf(gateway, tenant)).toMatchObject({ contents: 2, versions: 2 })
  await sweepAndVerify(gateway)
})

test('a key used for one content is refused for another', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const [one = '', two = ''] = await createTestContents(gateway, tenant, 2)
  const input = draft({ idempotencyKey: key })

  const first = await upsertOne(gateway, tenant, { id: one }, input)
  const second = await upsertOne(gateway, tenant, { id: two }, input)

  expect(first).toMatchObject({ content: { id: one, version: 2 } })
  expect(second).toMatchObject({ code: 'IDEMPOTENCY_MISMATCH' })
  await sweepAndVerify(gateway)
})

test('after 24 hours a key is new again', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  await createOne(gateway, tenant, draft({ idempotencyKey: key }))
  await gateway.database.admin.query(
    `update idempotency_keys set created_at = now() - interval '24 hours 1 second'`,
  )
  const input = draft({ idempotencyKey: key, title: 'Another title' })

  expect((await createOne(gateway, tenant, input)).__typename).toBe('ContentSuccess')

  expect(await stateOf(gateway, tenant)).toMatchObject({ contents: 2, versions: 2 })
  await expireLeases(gateway, 24)
  await sweepAndVerify(gateway)
})

test('parallel upserts of one external reference make versions without a gap', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()

  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, n) =>
      upsertOne(gateway, tenant, ref('1'), draft({ body: text(`Body ${n}`) })),
    ),
  )

  const versions = answers.filter(({ __typename }) => __typename === 'ContentSuccess').length
  const codes = answers.flatMap((answer) => ('code' in answer ? [answer.code] : []))
  expect(versions).toBeGreaterThanOrEqual(3)
  expect(codes).toEqual(codes.map(() => 'CONFLICT'))
  expect(await stateOf(gateway, tenant)).toMatchObject({ contents: 1, versions, reserved: 0 })
  await sweepAndVerify(gateway)
})

test('batches that name the same references in another order do not lock each other out', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const inputs = ['a', 'b', 'c', 'd', 'e'].map((system) =>
    draft({ externalRef: { system, id: 'same' } }),
  )
  const { admin } = gateway.database
  // Both come to a halt at the reference in the middle, each with those before it in hand.
  const blocker = await admin.connect()
  await blocker.query('begin')
  await blocker.query(
    `insert into content_items (tenant_id, id, title, content_type, status, preview, body_format,
       external_system, external_id, zerodb_id, version, storage_size_bytes, body_encoding, sha256)
     values ($1, $2, '', 'post', 'draft', '', 'text', 'c', 'same', $2, 1, 0, 'utf-8', '')`,
    [tenant.id, newId()],
  )
  const batches = [inputs, inputs.toReversed()].map((batch) =>
    createMany(gateway, tenant, batch, 'REJECT_FAILED'),
  )
  await vi.waitUntil(async () => (await blockedPids(gateway)).length === 2)
  await blocker.query('rollback')
  blocker.release()

  const answers = await Promise.all(batches)

  const counts = answers.map((answer) => ('succeeded' in answer ? answer.succeeded : answer.code))
  expect(new Set(counts)).toEqual(new Set([0, 5]))
  await sweepAndVerify(gateway)
})

/** The server processes that wait for a lock. */
async function blockedPids({ database }: TestGateway): Promise<number[]> {
  const { rows } = await database.admin.query<{ pid: number }>(
    `select pid from pg_stat_activity
     where datname = current_database() and wait_event_type = 'Lock'`,
  )
  return rows.map(({ pid }) => pid)
}

test('twenty writers and room for ten: ten succeed, and never a byte more is promised', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant({ planTier: 'free' })
  await leaveRoom(gateway, tenant, 1_000)
  gateway.zerodb.faults.add({ operation: 'insert', kind: 'latency', ms: 10, jitterMs: 40 })
  let writing = true
  let peak = 0
  const watch = async () => {
    while (writing) {
      const state = await stateOf(gateway, tenant)
      peak = Math.max(peak, (state?.used ?? 0) + (state?.reserved ?? 0))
    }
  }
  const watching = watch()

  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, n) =>
      createOne(gateway, tenant, draft({ body: text(`${n}`.padEnd(100)) })),
    ),
  ).finally(() => (writing = false))
  await watching

  const names = answers.map(({ __typename }) => __typename)
  expect(names.filter((name) => name === 'ContentSuccess')).toHaveLength(10)
  expect(names.filter((name) => name === 'QuotaExceededError')).toHaveLength(10)
  expect(peak).toBe(1_000)
  expect(await stateOf(gateway, tenant)).toMatchObject({ contents: 10, used: 1_000, reserved: 0 })
  await sweepAndVerify(gateway)
})

/** Media count towards the limit too, and contents are not told apart from them. */
async function leaveRoom({ database }: TestGateway, { id }: TestTenant, bytes: number) {
  await database.admin.query(
    `update content_storage_usage set total_media_storage_bytes = $2 where tenant_id = $1`,
    [id, bytesPerGb - bytes],
  )
}

const good = (n: number) => draft({ title: `Good ${n}` })

/** Why one item of a batch may fail, and how it looks; `prepare` sets the trap. */
const badItems: {
  why: string
  bad: () => ReturnType<typeof draft>
  code: string
  prepare?: (gateway: TestGateway, tenant: TestTenant) => Promise<unknown>
}[] = [
  { why: 'breaks a rule', bad: () => draft({ title: ' ' }), code: 'VALIDATION' },
  {
    why: 'names a brand that does not exist',
    bad: () => draft({ brandId: brandOf(nobody).brandId }),
    code: 'VALIDATION',
  },
  {
    why: 'names a reference that is taken',
    prepare: (gateway, tenant) => createOne(gateway, tenant, draft(ref('taken'))),
    bad: () => draft(ref('taken')),
    code: 'CONFLICT',
  },
  {
    why: 'does not fit the plan',
    prepare: (gateway, tenant) => leaveRoom(gateway, tenant, 100),
    bad: () => draft({ body: text('x'.repeat(101)) }),
    code: 'QUOTA_EXCEEDED',
  },
  {
    why: 'brings a key used for another input',
    prepare: (gateway, tenant) =>
      createMany(gateway, tenant, [draft({ title: 'Before', idempotencyKey: key })]),
    bad: () => draft({ idempotencyKey: key }),
    code: 'IDEMPOTENCY_MISMATCH',
  },
  {
    why: 'cannot be stored',
    prepare: async ({ zerodb }) =>
      zerodb.faults.add({ operation: 'insert', kind: 'status', status: 422, after: 2, times: 1 }),
    bad: () => draft(),
    code: 'STORAGE_UNAVAILABLE',
  },
]

const nobody = { brands: [{ id: newId(), name: '', campaignSpaces: [] }] } as unknown as TestTenant

test.for(badItems)(
  'a batch with one item that $why changes nothing, or all but that item',
  async ({ bad, code, prepare }) => {
    await using gateway = await startGateway()
    const tryBatch = async (policy: 'REJECT_ALL' | 'REJECT_FAILED') => {
      const tenant = await gateway.newTenant({ planTier: 'free' })
      await prepare?.(gateway, tenant)
      const before = await stateOf(gateway, tenant)
      const answer = await createMany(gateway, tenant, [good(0), bad(), good(1)], policy)
      gateway.zerodb.faults.clear()
      return { before, answer, after: await stateOf(gateway, tenant) }
    }

    const all = await tryBatch('REJECT_ALL')
    const failed = await tryBatch('REJECT_FAILED')

    expect(all.answer).toMatchObject({ code })
    expect(all.after).toEqual(all.before)
    expect(failed.answer).toMatchObject({ succeeded: 2, failed: 1 })
    const results = 'results' in failed.answer ? failed.answer.results : []
    const rejected = results.filter(({ content }) => content === null)
    expect(rejected).toMatchObject([{ errors: [{ code }] }])
    const contents = (failed.before?.contents ?? 0) + 2
    expect(failed.after).toMatchObject({ contents, reserved: 0, pending: 0 })
    await sweepAndVerify(gateway)
  },
)
