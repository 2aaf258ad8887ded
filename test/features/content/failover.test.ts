import { expect, test, vi } from 'vitest'
import { copyVersions } from '../../support/copies.ts'
import { createTestContents } from '../../support/contents.ts'
import { type CopiedGateway, startGateway, type TestTenant } from '../../support/gateway.ts'
import { graphql } from '../../support/gql/gql.ts'
import { startBehindProxy } from '../../support/proxied.ts'
import { restoreOne, updateOne } from '../../support/writes.ts'

const pageDocument = graphql(`
  query FailoverPage($first: Int!, $after: String) {
    contents(first: $first, after: $after) {
      pageInfo {
        endCursor
        hasNextPage
      }
      nodes {
        id
        title
        preview
        body {
          raw
          format
          provenance {
            store
            version
            failover
            stale
            asOf
          }
        }
      }
    }
  }
`)

/** Contents that are in the copy, and an instance that remembers none of them. */
async function startCopied(gateway: CopiedGateway, count: number) {
  const tenant = await gateway.newTenant()
  const ids = await createTestContents(gateway, tenant, count)
  await copyVersions(gateway, tenant.id)
  const twin = await gateway.startTwin({ LOG_LEVEL: 'silent' })
  gateway.bigquery.calls.length = 0
  return { tenant, ids, twin, [Symbol.asyncDispose]: () => twin[Symbol.asyncDispose]() }
}

const queriesOf = ({ bigquery }: CopiedGateway) =>
  bigquery.calls.filter(({ operation }) => operation === 'query')

const inOutage = { store: 'BIGQUERY', failover: true, stale: false, version: 1 }

test('while ZeroDB is away, a hundred readers see all bodies, from few queries of the copy', async () => {
  await using gateway = await startGateway(undefined, { bigquery: true })
  const tenant = await gateway.newTenant()
  await createTestContents(gateway, tenant, 100)
  await copyVersions(gateway, tenant.id)
  await using behind = await startBehindProxy(gateway, 'zerodb', { LOG_LEVEL: 'silent' })
  const { proxy, twin } = behind
  const before = await twin.query(tenant, pageDocument, { first: 5 })
  expect(storesOf(before)).toEqual(['ZERODB'])
  gateway.bigquery.calls.length = 0

  proxy.faults = { refuse: true }
  proxy.resetAll()
  const startedAt = performance.now()
  const read = async (reader: number) => {
    const first = 10 + (reader % 20)
    const pages = []
    let after: string | null | undefined
    for (let page = 0; page < 3; page++) {
      const { data, errors } = await twin.query(tenant, pageDocument, { first, after })
      after = data?.contents.pageInfo.endCursor
      pages.push({ missing: first - (data?.contents.nodes.length ?? 0), data, errors })
    }
    return pages
  }
  const pages = (await Promise.all(Array.from({ length: 100 }, (_, index) => read(index)))).flat()
  const seconds = (performance.now() - startedAt) / 1_000

  expect(pages).toHaveLength(300)
  expect(pages.filter(({ missing, errors }) => missing > 0 || errors)).toEqual([])
  const bodies = pages.flatMap(({ data }) => data?.contents.nodes ?? []).map(({ body }) => body)
  const fromMemory = bodies.filter((body) => body?.provenance.store === 'ZERODB')
  // Of the hundred, those that had been read before.
  expect(new Set(fromMemory.map((body) => body?.raw)).size).toBe(5)
  const others = bodies.filter((body) => body?.provenance.store !== 'ZERODB')
  expect(others.map((body) => body?.provenance)).toEqual(
    others.map(() => ({ ...inOutage, asOf: expect.any(String) })),
  )
  const queries = queriesOf(gateway)
  expect(queries.length).toBeGreaterThan(0)
  // Two may begin at once, and two a second after that.
  expect(queries.length).toBeLessThanOrEqual(2 + 2 * seconds)
})

test('a page costs one query of the copy, whatever its length, and nothing once it is in memory', async () => {
  await using gateway = await startGateway(undefined, { bigquery: true })
  await using copied = await startCopied(gateway, 100)
  const { tenant, twin } = copied
  gateway.zerodb.faults.add({ operation: '*', kind: 'reset' })

  const cold = await twin.explain(tenant, pageDocument, { first: 100 })
  expect(cold).toMatchObject({ bigquery: 1, cacheHits: 0 })
  // The viewer, the page, and what the queue and the copy have.
  expect(cold.postgres).toBeLessThanOrEqual(3)
  expect(queriesOf(gateway)).toHaveLength(1)
  const [query] = queriesOf(gateway)
  expect(query).toMatchObject({ tenant: tenant.id, params: { tenant: tenant.id } })

  const warm = await twin.explain(tenant, pageDocument, { first: 100 })
  expect(warm).toMatchObject({ bigquery: 0, cacheHits: 100 })
  expect(queriesOf(gateway)).toHaveLength(1)
})

test('when ZeroDB is back, bodies come from it again', async () => {
  await using gateway = await startGateway(undefined, { bigquery: true })
  await using copied = await startCopied(gateway, 5)
  const { tenant, twin } = copied
  gateway.zerodb.faults.add({ operation: '*', kind: 'reset' })
  const during = await twin.query(tenant, pageDocument, { first: 5 })
  expect(storesOf(during)).toEqual(['BIGQUERY'])

  gateway.zerodb.faults.clear()
  await vi.waitFor(
    async () => {
      const after = await twin.query(tenant, pageDocument, { first: 5 })
      expect(storesOf(after)).toEqual(['ZERODB'])
      expect(after.data?.contents.nodes.every(({ body }) => !body?.provenance.failover)).toBe(true)
    },
    { timeout: 5_000, interval: 100 },
  )
})

function storesOf({ data }: { data?: { contents: { nodes: PageNode[] } } | null }) {
  return [...new Set(data?.contents.nodes.map(({ body }) => body?.provenance.store))]
}
interface PageNode {
  body: { provenance: { store: string } } | null
}

test('a version that the copy does not have yet is never shown: an earlier one is, and says so', async () => {
  await using gateway = await startGateway(undefined, { bigquery: true })
  await using copied = await startCopied(gateway, 2)
  const { tenant, twin, ids } = copied
  const [changed = ''] = ids
  await updateOne(gateway, tenant, changed, { body: { format: 'TEXT', raw: 'Newer' } })
  gateway.zerodb.faults.add({ operation: '*', kind: 'reset' })

  const { data, errors } = await twin.query(tenant, pageDocument, { first: 2 })

  expect(errors).toBeUndefined()
  const bodies = new Map(data?.contents.nodes.map(({ id, body }) => [id, body]))
  expect(bodies.get(changed)).toMatchObject({
    raw: 'Body 0',
    format: 'MARKDOWN',
    provenance: { ...inOutage, stale: true, version: 1 },
  })
  expect(bodies.get(ids[1] ?? '')).toMatchObject({ raw: 'Body 1', provenance: inOutage })
})

test('a version that repeats a body of the copy is current, though it is not in the copy itself', async () => {
  await using gateway = await startGateway(undefined, { bigquery: true })
  await using copied = await startCopied(gateway, 1)
  const { tenant, twin, ids } = copied
  await updateOne(gateway, tenant, ids[0] ?? '', { title: 'Another title' })
  gateway.zerodb.faults.add({ operation: '*', kind: 'reset' })

  const { data } = await twin.query(tenant, pageDocument, { first: 1 })

  expect(data?.contents.nodes[0]).toMatchObject({
    title: 'Another title',
    body: { raw: 'Body 0', provenance: { ...inOutage, version: 2 } },
  })
})

test('who sees no drafts is not shown the earlier text of what was a draft then', async () => {
  await using gateway = await startGateway(undefined, { bigquery: true })
  const tenant = await gateway.newTenant()
  const [id = ''] = await createTestContents(gateway, tenant, 1, () => ({
    body: { format: 'TEXT', raw: 'Not for the public' },
  }))
  await copyVersions(gateway, tenant.id)
  await updateOne(gateway, tenant, id, { body: { format: 'TEXT', raw: 'Public' } })
  await publish(gateway, tenant, id)
  await using twin = await gateway.startTwin({ LOG_LEVEL: 'silent' })
  const scope = 'CONTENT_READ'
  const token = await gateway.signToken({ subject: 'owner@test', tenantId: tenant.id, scope })
  gateway.zerodb.faults.add({ operation: '*', kind: 'reset' })

  const asReader = await twin.query(token, pageDocument, { first: 1 })
  const asOwner = await twin.query(tenant, pageDocument, { first: 1 })

  expect(asReader.data?.contents.nodes).toMatchObject([{ preview: 'Public', body: null }])
  expect(asReader.errors?.[0]?.extensions?.['code']).toBe('CONTENT_STORE_UNAVAILABLE')
  expect(asOwner.data?.contents.nodes[0]?.body).toMatchObject({ raw: 'Not for the public' })
})

async function publish(gateway: CopiedGateway, tenant: TestTenant, id: string) {
  const { errors } = await gateway.query<unknown, object>(
    tenant,
    `mutation { publishContent(ref: { id: "${id}" }) { __typename } }`,
  )
  expect(errors).toBeUndefined()
}

test('what was never copied is an error at its path; the rest of the page is there', async () => {
  await using gateway = await startGateway(undefined, { bigquery: true })
  await using copied = await startCopied(gateway, 2)
  const { tenant, twin } = copied
  await createTestContents(gateway, tenant, 1, () => ({ title: 'Too new' }))
  gateway.zerodb.faults.add({ operation: '*', kind: 'reset' })

  const { data, errors } = await twin.query(tenant, pageDocument, { first: 3 })

  expect(data?.contents.nodes.map(({ title, body }) => [title, body?.raw])).toEqual([
    ['Too new', undefined],
    ['Content 1', 'Body 1'],
    ['Content 0', 'Body 0'],
  ])
  expect(errors).toMatchObject([
    {
      path: ['contents', 'nodes', 0, 'body'],
      extensions: { code: 'CONTENT_STORE_UNAVAILABLE', retryAfterMs: expect.any(Number) },
    },
  ])
})

test('a ZeroDB that has lost everything is read past', async () => {
  await using gateway = await startGateway(undefined, { bigquery: true })
  await using copied = await startCopied(gateway, 5)
  gateway.zerodb.faults.add({ operation: 'query', kind: 'missingRows', count: 1_000 })

  const { data, errors } = await copied.twin.query(copied.tenant, pageDocument, { first: 5 })

  expect(errors).toBeUndefined()
  expect(data?.contents.nodes.map(({ body }) => body?.raw)).toEqual(
    [4, 3, 2, 1, 0].map((index) => `Body ${index}`),
  )
  expect(storesOf({ data: data ?? null })).toEqual(['BIGQUERY'])
})

test.each([
  ['stopped', { kind: 'reset' }],
  ['failing', { kind: 'status', status: 503 }],
  ['refusing', { kind: 'status', status: 403 }],
  ['silent', { kind: 'hang' }],
] as const)(
  'with ZeroDB away and BigQuery %s too, lists are whole and bodies are errors',
  async (_name, fault) => {
    await using gateway = await startGateway(undefined, { bigquery: true })
    await using copied = await startCopied(gateway, 20)
    const { tenant, twin } = copied
    gateway.zerodb.faults.add({ operation: '*', kind: 'reset' })
    gateway.bigquery.faults.add({ operation: '*', ...fault })
    // Whoever comes first finds out, at most as long as a query may take.
    await twin.query(tenant, pageDocument, { first: 20 })

    const answers = await Promise.all(
      Array.from({ length: 20 }, () => twin.query(tenant, pageDocument, { first: 20 })),
    )

    for (const { data, errors } of answers) {
      expect(data?.contents.nodes).toHaveLength(20)
      expect(data?.contents.nodes.every(({ preview }) => preview?.startsWith('Body '))).toBe(true)
      expect(data?.contents.nodes.every(({ body }) => body === null)).toBe(true)
      expect(errors).toHaveLength(20)
      for (const { path, extensions, message } of errors ?? []) {
        expect(path).toEqual(['contents', 'nodes', expect.any(Number), 'body'])
        expect(extensions?.['code']).toBe('CONTENT_STORE_UNAVAILABLE')
        expect(extensions?.['retryAfterMs']).toBeGreaterThanOrEqual(0)
        expect(message).toBe('The content store is not available right now.')
      }
    }
    gateway.bigquery.faults.clear()
    await vi.waitFor(
      async () => {
        const well = await twin.query(tenant, pageDocument, { first: 20 })
        expect(well.errors).toBeUndefined()
        expect(storesOf(well)).toEqual(['BIGQUERY'])
      },
      { timeout: 10_000, interval: 200 },
    )
  },
)

test('a body that was changed in the copy is refused', async () => {
  await using gateway = await startGateway(undefined, { bigquery: true })
  const tenant = await gateway.newTenant()
  await createTestContents(gateway, tenant, 2)
  await copyVersions(gateway, tenant.id)
  await gateway.database.admin.query(
    `update content_versions set sha256 = repeat('0', 64) where tenant_id = $1
       and content_id = (select id from content_items where tenant_id = $1 and title = 'Content 0')`,
    [tenant.id],
  )
  await gateway.database.admin.query(
    `update content_items set sha256 = repeat('0', 64) where tenant_id = $1 and title = 'Content 0'`,
    [tenant.id],
  )
  await using twin = await gateway.startTwin({ LOG_LEVEL: 'silent' })
  gateway.zerodb.faults.add({ operation: '*', kind: 'reset' })

  const { data } = await twin.query(tenant, pageDocument, { first: 2 })

  expect(data?.contents.nodes.map(({ body }) => body?.raw)).toEqual(['Body 1', undefined])
})

const versionsDocument = graphql(`
  query FailoverVersions($id: ID!) {
    node(id: $id) {
      ... on Content {
        versions {
          nodes {
            versionNumber
            changesSummary
            snapshot {
              title
              body {
                raw
                provenance {
                  store
                  stale
                  version
                }
              }
            }
          }
        }
      }
    }
  }
`)

test('versions are read from the copy, each as it was', async () => {
  await using gateway = await startGateway(undefined, { bigquery: true })
  const tenant = await gateway.newTenant()
  const [id = ''] = await createTestContents(gateway, tenant, 1)
  await updateOne(gateway, tenant, id, { body: { format: 'TEXT', raw: 'Second' } })
  await copyVersions(gateway, tenant.id)
  await updateOne(gateway, tenant, id, { title: 'Third', body: { format: 'TEXT', raw: 'Third' } })
  await using twin = await gateway.startTwin({ LOG_LEVEL: 'silent' })
  gateway.bigquery.calls.length = 0
  gateway.zerodb.faults.add({ operation: '*', kind: 'reset' })

  const { data, errors } = await twin.query(tenant, versionsDocument, { id })

  const nodes = data?.node && 'versions' in data.node ? data.node.versions.nodes : []
  expect(nodes).toMatchObject([
    { versionNumber: 3, changesSummary: null, snapshot: null },
    {
      versionNumber: 2,
      changesSummary: 'Changed body.',
      snapshot: {
        title: 'Content 0',
        body: { raw: 'Second', provenance: { store: 'BIGQUERY', stale: false, version: 2 } },
      },
    },
    { versionNumber: 1, snapshot: { body: { raw: 'Body 0', provenance: { version: 1 } } } },
  ])
  expect(errors?.map(({ path }) => path?.slice(0, 4))).toEqual([
    ['node', 'versions', 'nodes', 0],
    ['node', 'versions', 'nodes', 0],
  ])
  expect(queriesOf(gateway)).toHaveLength(1)
})

test("another tenant's versions are not in reach, even by their ids", async () => {
  await using gateway = await startGateway(undefined, { bigquery: true })
  await using copied = await startCopied(gateway, 1)
  const other = await gateway.newTenant({ name: 'Another' })
  const { rows } = await gateway.database.admin.query<{
    versionId: string
    documentId: string
    sha256: string
    at: Date
  }>(
    `select id as "versionId", document_id as "documentId", sha256, created_at as at
     from content_versions where tenant_id = $1`,
    [copied.tenant.id],
  )
  const { recoveryCopy } = copied.twin.services
  const ref = { sizeBytes: 6, ...rows[0] } as Parameters<NonNullable<typeof recoveryCopy>['get']>[1]

  expect(await recoveryCopy?.get(other.id, ref)).toBeNull()
  expect((await recoveryCopy?.get(copied.tenant.id, ref))?.document.raw.text).toBe('Body 0')
  expect(queriesOf(gateway).map(({ params }) => params?.['tenant'])).toEqual([
    other.id,
    copied.tenant.id,
  ])
})

test('no version is made of a body that only the copy has', async () => {
  await using gateway = await startGateway(undefined, { bigquery: true })
  const tenant = await gateway.newTenant()
  const [id = ''] = await createTestContents(gateway, tenant, 1)
  await updateOne(gateway, tenant, id, { body: { format: 'TEXT', raw: 'Second' } })
  await copyVersions(gateway, tenant.id)
  await using twin = await gateway.startTwin()
  const fault = { operation: 'query', table: 'content_items', kind: 'missingRows', count: 100 }
  gateway.zerodb.faults.add(fault as Parameters<typeof gateway.zerodb.faults.add>[0])

  expect(await restoreOne(twin, tenant, id, 1)).toMatchObject({
    __typename: 'StorageUnavailableError',
  })
  const { data } = await twin.query(tenant, pageDocument, { first: 1 })
  expect(data?.contents.nodes[0]?.body).toMatchObject({
    raw: 'Second',
    provenance: { ...inOutage, version: 2 },
  })
})
