import { setTimeout as delay } from 'node:timers/promises'
import { expect } from 'vitest'
import { tasks } from '../../../../src/app/tasks.ts'
import { startTasks } from '../../../../src/platform/tasks.ts'
import {
  type Api,
  startGateway,
  type TestGateway,
  type TestTenant,
} from '../../../support/gateway.ts'
import { expectIntact, expireLeases } from '../../../support/integrity.ts'
import { refOf } from '../../../support/operations.ts'
import { type Answer, isRepeatable, outcomeOf } from '../../../support/outcome.ts'
import { chooseSeed, createRandom, type Random, tell } from '../../../support/random.ts'
import type { BatchErrorPolicy } from '../../../support/gql/graphql.ts'
import {
  createMany,
  createOne,
  deleteOne,
  draft,
  publishOne,
  purgeOne,
  readOne,
  restoreOne,
  undeleteOne,
  unpublishOne,
  updateMany,
  updateOne,
  upsertOne,
} from '../../../support/writes.ts'

const workers = 32
const pauseMs = 200
/** Few, so that everybody meets everybody. */
const refs = Array.from({ length: 12 }, (_, n) => `${n}`)

type Move = (api: Api, tenant: TestTenant, random: Random) => Promise<Answer>

/** Every mutation of contents, on contents and under keys that others use at the same time. */
const moves: Record<string, Move> = {
  createContent: (api, tenant, random) => createOne(api, tenant, anyDraft(random, anyRef(random))),
  upsertContent: (api, tenant, random) =>
    upsertOne(api, tenant, refOf(anyRef(random)), {
      title: 'A title',
      ...anyBody(random),
      ...anyKey(random),
    }),
  createContents: (api, tenant, random) =>
    createMany(
      api,
      tenant,
      someRefs(random).map((ref) => anyDraft(random, ref)),
      anyPolicy(random),
    ),
  updateContents: (api, tenant, random) =>
    updateMany(
      api,
      tenant,
      someRefs(random).map((ref) => ({ ref: refOf(ref), ...anyBody(random), ...anyKey(random) })),
      anyPolicy(random),
    ),
  updateContent: (api, tenant, random) =>
    withId(api, tenant, random, (id) =>
      updateOne(api, tenant, id, { ...anyBody(random), ...anyKey(random) }),
    ),
  publishContent: (api, tenant, random) =>
    withId(api, tenant, random, (id) => publishOne(api, tenant, id)),
  unpublishContent: (api, tenant, random) =>
    withId(api, tenant, random, (id) => unpublishOne(api, tenant, id)),
  restoreVersion: (api, tenant, random) =>
    withId(api, tenant, random, (id) => restoreOne(api, tenant, id, 1 + random.below(3))),
  deleteContent: (api, tenant, random) => deleteOne(api, tenant, refOf(anyRef(random))),
  undeleteContent: (api, tenant, random) =>
    withId(api, tenant, random, async (id) => {
      await deleteOne(api, tenant, { id })
      return undeleteOne(api, tenant, id)
    }),
  purgeContent: (api, tenant, random) =>
    withId(api, tenant, random, async (id) => {
      await deleteOne(api, tenant, { id })
      return purgeOne(api, tenant, id)
    }),
}

/** With the id of a content that is there, by now perhaps no more. */
async function withId(
  api: Api,
  tenant: TestTenant,
  random: Random,
  use: (id: string) => Promise<Answer>,
): Promise<Answer> {
  const content = await readOne(api, tenant, refOf(anyRef(random)))
  return content ? use(content.id) : { __typename: 'NotFoundError', code: 'NOT_FOUND' }
}

/** What losing to somebody else looks like. */
const fair = new Set(['success', 'CONFLICT', 'NOT_FOUND', 'VALIDATION', 'IDEMPOTENCY_MISMATCH'])

/** Workers mix all mutations on the same few contents in any order, and a worker comes between. */
export async function stressLocks(seconds: number): Promise<void> {
  const seed = chooseSeed()
  const random = createRandom(seed)
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const outcomes = new Map<string, number>()
  const end = AbortSignal.timeout(seconds * 1_000)
  const work = async (api: Api) => {
    while (!end.aborted) {
      const name = random.pick(Object.keys(moves) as [string, ...string[]])
      const outcome = await outcomeOf((moves[name] as Move)(api, tenant, random))
      if (!fair.has(outcome) && !isRepeatable(outcome)) throw new Error(`${name}: ${outcome}`)
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
    }
  }

  await usingTwin(gateway, async (twin) => {
    await using _worker = await startWorker(twin)
    const working = Array.from({ length: workers }, () => work(twin))
    // All of them, also when one fails: the twin must not be closed under the others.
    const ends = await Promise.allSettled([...working, expireUntil(end, twin)])
    expect(ends.filter(({ status }) => status === 'rejected')).toEqual([])
  })

  const deadlocks = await countDeadlocks(gateway)
  const counts = [...outcomes].map(([outcome, count]) => `${outcome} ${count}`).join(', ')
  tell(`lock order: ${counts}; deadlocks ${deadlocks}`)
  expect(outcomes.get('success')).toBeGreaterThan(0)
  expect(deadlocks).toBe(0)
  await expireLeases(gateway)
  await gateway.sweep()
  await expectIntact(gateway)
}

/** A gateway whose connections are closed in the end: only then have they told all they counted. */
async function usingTwin(gateway: TestGateway, work: (twin: TestGateway) => Promise<unknown>) {
  await using twin = await gateway.startTwin({ DATABASE_POOL_SIZE: `${workers}` })
  await work(twin)
}

/**
 * Lets leases run out again and again: living writers are fenced as if they had slept. Passes over
 * those that are locked, so that this itself waits for nobody.
 */
async function expireUntil(end: AbortSignal, { database }: TestGateway): Promise<void> {
  while (!end.aborted) {
    await delay(pauseMs)
    await database.admin.query(
      `update content_write_intents set lease_expires_at = now() - interval '1 second'
       where id in (select id from content_write_intents for update skip locked)`,
    )
  }
}

/** All that a worker does, far more often than it would. */
function startWorker({ services }: TestGateway): Promise<AsyncDisposable> {
  const periodic = tasks.periodic.map((task) => ({ ...task, everyMs: pauseMs }))
  return startTasks({ ...tasks, periodic }, services)
}

async function countDeadlocks({ database }: TestGateway): Promise<number> {
  const { rows } = await database.admin.query<{ deadlocks: number }>(
    `select deadlocks::integer from pg_stat_database where datname = current_database()`,
  )
  return rows[0]?.deadlocks ?? Number.NaN
}

function anyRef(random: Random): string {
  return random.pick(refs as [string, ...string[]])
}

function someRefs(random: Random): string[] {
  return random.shuffled(refs).slice(0, 2 + random.below(6))
}

function anyDraft(random: Random, ref: string) {
  return draft({ ...refOf(ref), ...anyBody(random), ...anyKey(random) })
}

function anyBody(random: Random) {
  return { body: { format: 'TEXT' as const, raw: `Body ${random.below(1_000_000)}` } }
}

function anyKey(random: Random) {
  return random.chance(0.3) ? { idempotencyKey: `key ${random.below(20)}` } : {}
}

function anyPolicy(random: Random): BatchErrorPolicy {
  return random.pick(['REJECT_ALL', 'REJECT_FAILED'])
}
