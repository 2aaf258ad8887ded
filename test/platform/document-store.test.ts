import { randomBytes } from 'node:crypto'
import { expect, test, vi } from 'vitest'
import { UpstreamError } from '../../src/lib/errors.ts'
import { utf8Size } from '../../src/lib/bytes.ts'
import { newId } from '../../src/lib/id.ts'
import { JsonText } from '../../src/lib/json-text.ts'
import type { FaultKind } from '../../src/local/faults.ts'
import {
  createDocumentStore,
  encodeBody,
  type DocumentCall,
  type DocumentRef,
  type DocumentStore,
  type DocumentStoreOptions,
  type StoredDocument,
} from '../../src/platform/document-store.ts'
import { newPlan } from '../../src/platform/plan.ts'
import type { ZeroDb, ZeroDbAlarm, ZeroDbOptions } from '../../src/platform/zerodb.ts'
import { startLocalZeroDb, type LocalZeroDb } from './local-zerodb.ts'

const table = 'content_items'

test('a page of twenty documents costs one request, the second time none', async () => {
  await using local = await startStore()
  const tenant = newId()
  const refs = await insertBodies(local.zerodb, tenant, 20)
  local.server.calls.length = 0
  const plan = newPlan()

  const documents = await Promise.all(refs.map((ref) => read(local, tenant, ref, { plan })))

  expect(documents.map((document) => document?.raw.text)).toEqual(refs.map(({ raw }) => raw))
  expect(local.server.calls).toHaveLength(1)
  expect(plan).toEqual({ ...newPlan(), zerodb: 1 })

  // Not a promise: a hit is there at once.
  const again = refs.map((ref) => local.store.get(tenant, ref, { plan }))
  expect(again).toEqual(documents)
  expect(plan).toEqual({ ...newPlan(), zerodb: 1, cacheHits: 20 })
})

test('a document nobody stored is null, and asked for anew the next time', async () => {
  await using local = await startStore()
  const [tenant, ref] = [newId(), { id: newId(), sha256: 'x', sizeBytes: 1 }]

  expect(await read(local, tenant, ref)).toBeNull()
  expect(await read(local, tenant, ref)).toBeNull()

  expect(local.server.calls).toHaveLength(2)
})

test('bodies too large for one answer travel in several', async () => {
  await using local = await startStore()
  const tenant = newId()
  const size = 3 * 1024 ** 2
  const refs = await insertBodies(local.zerodb, tenant, 5, (n) => String(n).repeat(size))
  local.server.calls.length = 0

  const found = await Promise.all(refs.map((ref) => read(local, tenant, ref)))

  expect(found.map((document) => document?.sizeBytes)).toEqual([size, size, size, size, size])
  expect(local.server.calls.map(({ keys }) => keys?.length)).toEqual([2, 2, 1])
})

test('what was put is there without asking', async () => {
  await using local = await startStore()
  const [tenant, id] = [newId(), newId()]
  const { sha256, storage_metadata: storage } = await encodeBody('Fresh', 'text/plain')
  local.store.put(tenant, {
    id,
    sha256,
    raw: new JsonText('Fresh'),
    mimeType: storage.mime_type,
    sizeBytes: storage.size_bytes,
    compressedSizeBytes: storage.compressed_size_bytes,
    encoding: storage.encoding,
  })

  expect(local.store.get(tenant, { id, sha256, sizeBytes: 5 })).toMatchObject({ id, sha256 })
  expect(local.store.hasCached(tenant, id)).toBe(true)
  expect(local.store.hasCached(newId(), id)).toBe(false)
})

test('memory is bounded in bytes', async () => {
  await using local = await startStore({ cacheBytes: 50_000 })
  const tenant = newId()
  const refs = await insertBodies(local.zerodb, tenant, 20, (n) => `${n} `.repeat(3_000))

  for (const ref of refs) await read(local, tenant, ref)

  const kept = refs.filter(({ id }) => local.store.hasCached(tenant, id))
  expect(kept.length).toBeGreaterThan(2)
  expect(kept.length).toBeLessThan(10)
})

test('many readers of one tenant share few requests', async () => {
  await using local = await startStore({ maxQueriesPerTenant: 2 })
  const tenant = newId()
  const refs = await insertBodies(local.zerodb, tenant, 90)
  local.server.calls.length = 0
  local.server.faults.add({ operation: 'query', kind: 'latency', ms: 20 })

  const readers = Array.from({ length: 256 }, async (_, n) => {
    const plan = newPlan()
    const start = (n * 7) % 70
    const page = refs.slice(start, start + 20)
    await Promise.all(page.map((ref) => read(local, tenant, ref, { plan })))
    return plan
  })
  const plans = await Promise.all(readers)

  expect(local.server.calls).toHaveLength(1)
  expect(plans.every(({ zerodb }) => zerodb === 1)).toBe(true)
})

test('while its queries are under way a tenant gathers keys, and holds up nobody else', async () => {
  await using local = await startStore({ maxQueriesPerTenant: 2 })
  const [busy, other] = [newId(), newId()]
  local.server.faults.add({ operation: 'query', kind: 'latency', ms: 50 })

  const reads: Promise<unknown>[] = []
  for (let n = 0; n < 10; n++) {
    reads.push(read(local, busy, { id: newId(), sha256: 'x', sizeBytes: 1 }))
    await new Promise(setImmediate)
  }
  await local.store.get(other, { id: newId(), sha256: 'x', sizeBytes: 1 })
  await Promise.all(reads)

  const tenants = local.server.calls.map(({ tenant }) => tenant)
  expect(tenants.filter((tenant) => tenant === busy).length).toBeLessThanOrEqual(4)
  expect(tenants.indexOf(other)).toBeLessThanOrEqual(2)
})

test('same ids, two tenants, interleaved in flight: 10,000 rounds, none mixed up', async () => {
  await using local = await startStore({ cacheBytes: 12_000 })
  const tenants = [newId(), newId()]
  const ids = Array.from({ length: 50 }, newId)
  const refs = new Map<string, DocumentRef & { raw: string }>()
  for (const tenant of tenants) {
    const inserted = await insertBodies(local.zerodb, tenant, 50, (n) => `${n} of ${tenant}`, ids)
    for (const ref of inserted) refs.set(`${tenant} ${ref.id}`, ref)
  }
  let mixed = 0
  const readBoth = async (round: number) => {
    const id = ids[(round * 31) % ids.length]
    await Promise.all(
      tenants.map(async (tenant) => {
        const ref = refs.get(`${tenant} ${id}`)
        const document = ref && (await read(local, tenant, ref))
        if (document?.raw.text !== ref?.raw || !document?.raw.text.endsWith(tenant)) mixed++
      }),
    )
  }
  for (let round = 0; round < 10_000; round += 100) {
    await Promise.all(Array.from({ length: 100 }, (_, n) => readBoth(round + n)))
  }
  expect(mixed).toBe(0)
})

test('a document of another tenant cannot be had by its id and checksum', async () => {
  await using local = await startStore()
  const tenant = newId()
  const [ref] = await insertBodies(local.zerodb, tenant, 1)
  if (!ref) throw new Error('nothing inserted')
  await read(local, tenant, ref)

  expect(await local.store.get(newId(), ref)).toBeNull()
})

test.for([
  { kind: 'wrongTenant' },
  { kind: 'corruptBody' },
  { kind: 'staleBody' },
  { kind: 'ignoreFilter' },
  { kind: 'truncated' },
  { kind: 'wrongJson' },
  { kind: 'wrongJson', shape: 'json' },
  { kind: 'hang' },
  { kind: 'reset' },
  { kind: 'trickle' },
  { kind: 'status', status: 500 },
  { kind: 'status', status: 429, retryAfterSeconds: 1 },
] satisfies FaultKind[])('under %o nothing comes out but errors', async (fault) => {
  await using local = await startStore({}, { timeoutMs: 500, slowMs: 200 })
  const tenant = newId()
  await insertBodies(local.zerodb, tenant, 3)
  const refs = await insertBodies(local.zerodb, tenant, 20)
  local.server.faults.add({ operation: 'query', ...fault })
  const startedAt = performance.now()

  const ends = await Promise.allSettled(refs.map((ref) => read(local, tenant, ref)))

  expect(performance.now() - startedAt).toBeLessThan(1_000)
  for (const end of ends) {
    expect(end).toMatchObject({ status: 'rejected', reason: expect.any(UpstreamError) })
  }
  expect(refs.some(({ id }) => local.store.hasCached(tenant, id))).toBe(false)
  local.server.faults.clear()
  const readAll = () => Promise.all(refs.map((ref) => read(local, tenant, ref)))
  expect(await vi.waitFor(readAll, 5_000)).toMatchObject(
    refs.map(({ raw }) => ({ raw: { text: raw } })),
  )
})

test('who asks with the wrong checksum is refused, and spoils nothing for the others', async () => {
  await using local = await startStore()
  const tenant = newId()
  const [ref] = await insertBodies(local.zerodb, tenant, 1)
  if (!ref) throw new Error('nothing inserted')

  const right = read(local, tenant, ref)
  const wrong = read(local, tenant, { ...ref, sha256: 'x' })

  await expect(wrong).rejects.toMatchObject({ failure: 'malformed' })
  expect(await right).toMatchObject({ raw: { text: ref.raw } })
  await expect(read(local, tenant, { ...ref, sha256: 'x' })).rejects.toMatchObject({
    failure: 'malformed',
  })
})

test('a row that an answer leaves out is null, and there again when ZeroDB is', async () => {
  await using local = await startStore()
  const tenant = newId()
  const refs = await insertBodies(local.zerodb, tenant, 20)
  local.server.faults.add({ operation: 'query', kind: 'missingRows', count: 3, times: 1 })

  const first = await Promise.all(refs.map((ref) => read(local, tenant, ref)))
  const second = await Promise.all(refs.map((ref) => read(local, tenant, ref)))

  expect(first.filter((document) => document === null)).toHaveLength(3)
  expect(second).toMatchObject(refs.map(({ raw }) => ({ raw: { text: raw } })))
})

test('each corrupt document is refused and reported by itself; the others are served', async () => {
  await using local = await startStore()
  const tenant = newId()
  const [good, wrong] = await insertBodies(local.zerodb, tenant, 2)
  if (!good || !wrong) throw new Error('nothing inserted')
  const alarms = local.bodyAlarms

  const ends = await Promise.allSettled([
    read(local, tenant, good),
    read(local, tenant, { ...wrong, sha256: good.sha256 }),
  ])

  expect(ends).toMatchObject([
    { status: 'fulfilled', value: { raw: { text: good.raw } } },
    { status: 'rejected', reason: { failure: 'malformed' } },
  ])
  expect(alarms).toEqual([{ kind: 'corruptBody', tenantId: tenant, table, key: wrong.id }])
})

test.for([
  ['too small a size', { size_bytes: 3 }],
  ['too large a size', { size_bytes: 30_000 }],
  ['a size beyond our limit', { size_bytes: 2 ** 40 }],
  ['an unknown encoding', { encoding: 'gzip' }],
  ['no size', { size_bytes: null }],
] as const)('a document that declares %s is refused', async ([, lie]) => {
  await using local = await startStore()
  const [tenant, id] = [newId(), newId()]
  const body = await encodeBody('word '.repeat(5_000), 'text/plain')
  expect(body.storage_metadata.encoding).toBe('zstd+base64')
  const storage = { ...body.storage_metadata, ...lie }
  await local.zerodb.insertRow(tenant, table, { id, ...body, storage_metadata: storage })

  const ref = { id, sha256: body.sha256, sizeBytes: body.storage_metadata.size_bytes }
  await expect(read(local, tenant, ref)).rejects.toMatchObject({ failure: 'malformed' })
  expect(local.bodyAlarms).toHaveLength(1)
})

test('bodies come back as they went in, compressed where that saves bytes', async () => {
  await using local = await startStore()
  const tenant = newId()
  const noise = randomBytes(6_000).toString('base64')
  const bodies = ['', 'short', 'ü€😀', 'ü€😀'.repeat(3_000), 'word '.repeat(50_000), noise]

  const refs = await insertBodies(local.zerodb, tenant, bodies.length, (n) => bodies[n] ?? '')
  const documents = await Promise.all(refs.map((ref) => read(local, tenant, ref)))

  expect(documents.map((document) => document?.raw.text)).toEqual(bodies)
  expect(documents.map((document) => document?.sizeBytes)).toEqual(bodies.map(utf8Size))
  expect(documents.map((document) => document?.encoding)).toEqual([
    'utf-8',
    'utf-8',
    'utf-8',
    'zstd+base64',
    'zstd+base64',
    'utf-8',
  ])
  const kept = documents[4]?.compressedSizeBytes ?? 0
  expect(kept).toBeLessThan(0.9 * 250_000)
})

test('a ZeroDB that hangs is given up within 2 s, though a single tenant asks', async () => {
  await using local = await startStore()
  const tenant = newId()
  const [ref] = await insertBodies(local.zerodb, tenant, 1)
  if (!ref) throw new Error('nothing inserted')
  local.server.faults.add({ operation: 'query', kind: 'hang' })
  const { health } = local.zerodb
  const ask = () =>
    read(local, tenant, { id: newId(), sha256: 'x', sizeBytes: 1 }).catch(() => undefined)
  const traffic = setInterval(() => void ask(), 10)

  await expect.poll(() => health().state, { timeout: 2_000 }).toBe('open')
  const startedAt = performance.now()
  await expect(read(local, tenant, ref)).rejects.toMatchObject({
    failure: 'unavailable',
    retryAfterMs: expect.any(Number),
  })
  expect(performance.now() - startedAt).toBeLessThan(20)

  local.server.faults.clear()
  const served = () => read(local, tenant, ref)
  expect(await vi.waitFor(served, 5_000)).toMatchObject({ raw: { text: ref.raw } })
  clearInterval(traffic)
})

test('one reader leaving does not disturb the others; the last one ends the request', async () => {
  await using local = await startStore()
  const [tenant, ref] = [newId(), { id: newId(), sha256: 'x', sizeBytes: 1 }]
  local.server.faults.add({ operation: 'query', kind: 'hang' })
  const leavers = [new AbortController(), new AbortController()]
  const reads = leavers.map(({ signal }) => read(local, tenant, ref, { signal }))
  const ends = Promise.allSettled(reads)
  await vi.waitFor(() => expect(local.server.calls).toHaveLength(1))

  leavers[0]?.abort(new Error('first'))
  await expect(reads[0]).rejects.toThrow('first')
  expect(local.zerodb.health().inFlight).toBe(1)

  leavers[1]?.abort(new Error('last'))
  await expect(reads[1]).rejects.toThrow('last')
  await vi.waitFor(() => expect(local.zerodb.health().inFlight).toBe(0), { timeout: 100 })
  await ends
})

test('who left before the request was sent costs none', async () => {
  await using local = await startStore()
  const leaving = new AbortController()
  const { signal } = leaving

  const reads = Array.from({ length: 30 }, () =>
    read(local, newId(), { id: newId(), sha256: 'x', sizeBytes: 1 }, { signal }),
  )
  const ends = Promise.allSettled(reads)
  leaving.abort(new Error('gone'))
  await ends
  await new Promise(setImmediate)

  expect(local.server.calls).toHaveLength(0)
})

async function read(
  { store }: LocalStore,
  tenant: string,
  ref: DocumentRef,
  call?: DocumentCall,
): Promise<StoredDocument | null> {
  return store.get(tenant, ref, call)
}

interface LocalStore extends LocalZeroDb {
  store: DocumentStore
  bodyAlarms: ZeroDbAlarm[]
}

async function startStore(
  options: Partial<DocumentStoreOptions> = {},
  limits: Partial<ZeroDbOptions> = {},
): Promise<LocalStore> {
  const local = await startLocalZeroDb(table, limits)
  const bodyAlarms: ZeroDbAlarm[] = []
  const onAlarm = (alarm: ZeroDbAlarm) => bodyAlarms.push(alarm)
  const store = createDocumentStore({ zerodb: local.zerodb, onAlarm, ...options })
  return { ...local, store, bodyAlarms }
}

/** Stores bodies as the write path does. */
async function insertBodies(
  zerodb: ZeroDb,
  tenant: string,
  count: number,
  text = (n: number) => `Body ${n}`,
  ids: readonly string[] = Array.from({ length: count }, newId),
): Promise<(DocumentRef & { raw: string })[]> {
  return Promise.all(
    ids.map(async (id, n) => {
      const { sha256, ...body } = await encodeBody(text(n), 'text/plain')
      await zerodb.insertRow(tenant, table, { id, ...body })
      return { id, sha256, sizeBytes: body.storage_metadata.size_bytes, raw: text(n) }
    }),
  )
}
