import { encodeGlobalId } from '../../../../src/graphql/global-id.ts'
import { UpstreamError } from '../../../../src/lib/errors.ts'
import { collectPurgedOf } from '../../../../src/features/editing/collect-purged.ts'
import { drainQueueOf } from '../../../../src/features/writing/drain-queue.ts'
import { expireVersions } from '../../../../src/features/versions/expire-versions.ts'
import { sweepTenant, type SweepDeps } from '../../../../src/features/writing/sweep-writes.ts'
import type { TestGateway, TestTenant } from '../../../support/gateway.ts'
import type { Failpoints } from './strikes.ts'

export interface World {
  gateway: TestGateway
  failpoints: Failpoints
}

/** How one attempt at an operation ended, as its caller knows. */
export type Attempt =
  | { end: 'done'; contentId?: string }
  | { end: 'failed'; message: string }
  /** It may have happened or not. */
  | { end: 'unknown' }
  /** Another attempt with the same key is under way. */
  | { end: 'inProgress' }

/** Something that is done to a tenant, exactly once however often it is tried. */
export interface Operation {
  name: string
  /** Whether ZeroDB is away throughout. */
  away?: boolean
  /** Sets the scene; answers the content it is about. */
  prepare: (world: World, tenant: TestTenant) => Promise<string>
  /** `signal` aborts when the process that runs it dies. */
  attempt: (
    world: World,
    tenant: TestTenant,
    contentId: string,
    signal: AbortSignal,
  ) => Promise<Attempt>
}

const idempotencyKey = 'the key'

/** Sends one mutation, whose only root field is its result. */
async function send(
  { gateway }: World,
  tenant: TestTenant,
  document: string,
  variables: object,
  signal?: AbortSignal,
): Promise<Attempt> {
  try {
    const response = await fetch(gateway.url, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${tenant.tokens.owner}`,
        'content-type': 'application/json',
      },
      body: JSON.stringify({ query: document, variables }),
      ...(signal && { signal }),
    })
    return read((await response.json()) as Answer)
  } catch (error) {
    if (signal?.aborted) return { end: 'unknown' }
    throw error
  }
}

interface Result {
  __typename: string
  code?: string
  message?: string
  content?: { databaseId: string }
}

interface Answer {
  data?: Record<string, Result> | null
  errors?: { message: string; extensions: { code: string } }[]
}

function read({ data, errors }: Answer): Attempt {
  const [result] = Object.values(data ?? {})
  if (!result) {
    const [error] = errors ?? []
    // Read before anything was begun.
    if (error?.extensions.code === 'SERVICE_UNAVAILABLE') {
      return { end: 'failed', message: error.message }
    }
    throw new Error(`an answer nobody expects: ${JSON.stringify({ data, errors })}`)
  }
  if (result.code === 'IDEMPOTENCY_IN_PROGRESS') return { end: 'inProgress' }
  if (result.message?.includes('It is not known')) return { end: 'unknown' }
  if (result.code !== undefined) return { end: 'failed', message: result.message ?? '' }
  const contentId = result.content?.databaseId
  return contentId === undefined ? { end: 'done' } : { end: 'done', contentId }
}

const contentResult = `__typename
  ... on Error { code message }
  ... on ContentSuccess { content { databaseId } }`

const batchResult = `__typename
  ... on Error { code message }`

const text = (raw: string) => ({ format: 'TEXT', raw })

/** A content with two versions, so that there is something to go back to. */
async function twoVersions(world: World, tenant: TestTenant): Promise<string> {
  const created = await send(
    world,
    tenant,
    `mutation ($input: CreateContentInput!) { createContent(input: $input) { ${contentResult} } }`,
    { input: { title: 'First', body: text('The first body'), tags: ['a'] } },
  )
  const id = created.end === 'done' ? (created.contentId ?? '') : ''
  const updated = await send(world, tenant, updateDocument, {
    input: { ref: refOf(id), body: text('The second body, which is longer') },
  })
  if (updated.end !== 'done') throw new Error(`cannot set the scene: ${JSON.stringify(updated)}`)
  return id
}

async function inTrash(world: World, tenant: TestTenant): Promise<string> {
  const id = await twoVersions(world, tenant)
  await send(world, tenant, statusDocument('deleteContent', ''), { ref: refOf(id) })
  return id
}

const nothing = () => Promise.resolve('')

const refOf = (id: string) => ({ id: encodeGlobalId('Content', id) })

const updateDocument = `mutation ($input: UpdateContentInput!) {
  updateContent(input: $input) { ${contentResult} }
}`

const statusDocument = (field: string, more: string, result = batchResult) => `
  mutation ($ref: ContentRef!, $key: String) {
    ${field}(ref: $ref, idempotencyKey: $key ${more}) { ${result} }
  }`

function mutation(
  name: string,
  prepare: Operation['prepare'],
  document: string,
  variables: (contentId: string) => object,
  away = false,
): Operation {
  return {
    name,
    away,
    prepare,
    attempt: (world, tenant, contentId, signal) =>
      send(world, tenant, document, variables(contentId), signal),
  }
}

function status(field: string, more = '', prepare = twoVersions): Operation {
  return mutation(field, prepare, statusDocument(field, more), (id) => ({
    ref: refOf(id),
    key: idempotencyKey,
  }))
}

const create = (away: boolean) =>
  mutation(
    away ? 'createContent, queued' : 'createContent',
    nothing,
    `mutation ($input: CreateContentInput!) { createContent(input: $input) { ${contentResult} } }`,
    () => ({
      input: {
        title: 'New',
        body: text('A new body'),
        onUnavailable: away ? 'QUEUE' : 'FAIL',
        idempotencyKey,
      },
    }),
    away,
  )

const update = (away: boolean) =>
  mutation(
    away ? 'updateContent, queued' : 'updateContent',
    twoVersions,
    updateDocument,
    (id) => ({
      input: {
        ref: refOf(id),
        title: 'Third',
        body: text('The third body, the longest of them all'),
        onUnavailable: away ? 'QUEUE' : 'FAIL',
        idempotencyKey,
      },
    }),
    away,
  )

/** Work of the background: it has no caller, and comes again until it succeeds. */
function task(
  name: string,
  prepare: Operation['prepare'],
  run: (deps: SweepDeps, tenantId: string) => Promise<unknown>,
): Operation {
  return {
    name,
    prepare,
    async attempt({ gateway: { services } }, tenant, _contentId, signal) {
      const died = new Promise<Attempt>((resolve) => {
        signal.addEventListener('abort', () => resolve({ end: 'unknown' }))
      })
      const deps = { ...services, signal: AbortSignal.timeout(30_000) }
      const ran = run(deps, tenant.id).then(
        (): Attempt => ({ end: 'done' }),
        (error: unknown): Attempt => {
          if (error instanceof UpstreamError) return { end: 'unknown' }
          throw error
        },
      )
      return Promise.race([ran, died])
    },
  }
}

/** A write that died after its documents were stored. */
async function deadWrite(world: World, tenant: TestTenant): Promise<string> {
  const { failpoints, gateway } = world
  const strike = failpoints.arm(tenant.id, { step: 'commit', edge: 'before', kind: 'crash' })
  const death = new AbortController()
  const dying = create(false).attempt(world, tenant, '', death.signal)
  await strike.struck
  death.abort()
  await dying
  await passTime(gateway, tenant)
  return ''
}

/** Leases run out, and with `hours` so does what is kept for a day. */
export async function passTime(
  { database }: TestGateway,
  { id }: TestTenant,
  hours = 0,
): Promise<void> {
  await database.admin.query(
    `with leases as (
       update content_write_intents
       set lease_expires_at = now() - make_interval(hours => $2) - interval '1 second'
       where tenant_id = $1
     ), keys as (
       update idempotency_keys set created_at = created_at - make_interval(hours => $2)
       where tenant_id = $1
     ), queue as (
       update queued_documents set lease_expires_at = '-infinity' where tenant_id = $1
     )
     update content_tombstones
     set documents_removed_at = documents_removed_at - make_interval(hours => $2)
     where tenant_id = $1`,
    [id, hours],
  )
}

async function agedVersions(world: World, tenant: TestTenant): Promise<string> {
  const id = await twoVersions(world, tenant)
  await world.gateway.database.admin.query(
    `update content_versions set created_at = created_at - interval '6 years' where tenant_id = $1`,
    [tenant.id],
  )
  return id
}

async function queued(world: World, tenant: TestTenant): Promise<string> {
  world.failpoints.setAway(tenant.id, true)
  const answer = await create(true).attempt(world, tenant, '', AbortSignal.timeout(10_000))
  world.failpoints.setAway(tenant.id, false)
  return answer.end === 'done' ? (answer.contentId ?? '') : ''
}

const purgeDocument = `mutation ($id: ID!) {
  purgeContent(id: $id, reason: "Its owner asked for it.") { ${batchResult} }
}`

async function purgedWhileAway(world: World, tenant: TestTenant): Promise<string> {
  const id = await twoVersions(world, tenant)
  world.failpoints.setAway(tenant.id, true)
  await send(world, tenant, purgeDocument, refOf(id))
  world.failpoints.setAway(tenant.id, false)
  return id
}

export const operations: readonly Operation[] = [
  create(false),
  create(true),
  mutation(
    'createContents',
    nothing,
    `mutation ($inputs: [CreateContentInput!]!) { createContents(inputs: $inputs) { ${batchResult} } }`,
    () => ({
      inputs: ['a', 'b', 'c'].map((title) => ({
        title,
        body: text(`Body ${title}`),
        idempotencyKey: `${idempotencyKey} ${title}`,
      })),
    }),
  ),
  update(false),
  update(true),
  mutation('updateContent, metadata only', twoVersions, updateDocument, (id) => ({
    input: { ref: refOf(id), metadataPatch: [{ op: 'add', path: '/a', value: 1 }], idempotencyKey },
  })),
  mutation(
    'updateContents',
    twoVersions,
    `mutation ($inputs: [UpdateContentInput!]!) { updateContents(inputs: $inputs) { ${batchResult} } }`,
    (id) => ({ inputs: [{ ref: refOf(id), body: text('Another'), idempotencyKey }] }),
  ),
  mutation(
    'upsertContent',
    nothing,
    `mutation ($ref: ContentRef!, $input: CreateContentInput!) {
      upsertContent(ref: $ref, input: $input) { ${contentResult} }
    }`,
    () => ({
      ref: { externalRef: { system: 'cms', id: '1' } },
      input: { title: 'Upserted', body: text('Upserted'), idempotencyKey },
    }),
  ),
  status('publishContent'),
  status('scheduleContent', ', at: "2999-01-01T00:00:00Z"'),
  status('archiveContent'),
  status('deleteContent'),
  mutation(
    'undeleteContent',
    inTrash,
    `mutation ($id: ID!, $key: String) {
      undeleteContent(id: $id, idempotencyKey: $key) { ${contentResult} }
    }`,
    (id) => ({ ...refOf(id), key: idempotencyKey }),
  ),
  mutation(
    'restoreVersion',
    twoVersions,
    `mutation ($id: ID!, $key: String) {
      restoreVersion(contentId: $id, version: 1, idempotencyKey: $key) { ${batchResult} }
    }`,
    (id) => ({ ...refOf(id), key: idempotencyKey }),
  ),
  mutation('purgeContent', twoVersions, purgeDocument, refOf),
  task('the sweeper', deadWrite, sweepTenant),
  task('the drainer', queued, drainQueueOf),
  task('the collector', purgedWhileAway, collectPurgedOf),
  task('version retention', agedVersions, (deps, id) => expireVersions(deps, { tenantIds: [id] })),
]
