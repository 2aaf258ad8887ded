import { expect, test, vi } from 'vitest'
import { copyVersions } from '../../support/copies.ts'
import { createTestContents } from '../../support/contents.ts'
import { startGateway, type TestGateway, type TestTenant } from '../../support/gateway.ts'
import { graphql } from '../../support/gql/gql.ts'
import type { ReadMode } from '../../support/gql/graphql.ts'

const setDocument = graphql(`
  mutation SetReadMode($mode: ReadMode!, $reason: String!) {
    setReadMode(mode: $mode, reason: $reason) {
      __typename
      ... on OpsSuccess {
        ok
        message
        readMode
      }
      ... on ValidationError {
        message
      }
    }
  }
`)

const pageDocument = graphql(`
  query ReadModePage {
    viewer {
      tenant {
        readMode
      }
    }
    contents(first: 5) {
      nodes {
        title
        preview
        body {
          raw
          provenance {
            store
          }
        }
        versions {
          nodes {
            changesSummary
          }
        }
      }
    }
  }
`)

async function setMode(gateway: TestGateway, tenant: TestTenant, mode: ReadMode) {
  const variables = { mode, reason: 'A drill.' }
  const { data } = await gateway.query(tenant, setDocument, variables)
  expect(data?.setReadMode).toMatchObject({ __typename: 'OpsSuccess', readMode: mode })
}

const queriesOf = (calls: readonly { operation: string }[]) =>
  calls.filter(({ operation }) => operation === 'query')

test('FALLBACK reads the copy and leaves ZeroDB alone, as long as it is set', async () => {
  await using gateway = await startGateway(undefined, { bigquery: true })
  const tenant = await gateway.newTenant()
  await createTestContents(gateway, tenant, 5)
  await copyVersions(gateway, tenant.id)
  await setMode(gateway, tenant, 'FALLBACK')
  await using twin = await gateway.startTwin()
  gateway.zerodb.calls.length = 0

  const { data, errors } = await twin.query(tenant, pageDocument)

  expect(errors).toBeUndefined()
  expect(data?.viewer?.tenant.readMode).toBe('FALLBACK')
  expect(data?.contents.nodes).toMatchObject(
    [4, 3, 2, 1, 0].map((index) => ({
      body: { raw: `Body ${index}`, provenance: { store: 'BIGQUERY' } },
      versions: { nodes: [{ changesSummary: 'Created.' }] },
    })),
  )
  expect(queriesOf(gateway.zerodb.calls)).toEqual([])

  await setMode(gateway, tenant, 'AUTO')
  await vi.waitFor(
    async () => {
      const after = await twin.query(tenant, pageDocument)
      expect(after.data?.contents.nodes[0]?.body?.provenance.store).toBe('ZERODB')
    },
    { timeout: 6_000, interval: 200 },
  )
})

test('FALLBACK says of what the copy does not have that it is not to be had', async () => {
  await using gateway = await startGateway(undefined, { bigquery: true })
  const tenant = await gateway.newTenant()
  await createTestContents(gateway, tenant, 1)
  await setMode(gateway, tenant, 'FALLBACK')
  await using twin = await gateway.startTwin()

  const { data, errors } = await twin.query(tenant, pageDocument)

  expect(data?.contents.nodes).toMatchObject([{ title: 'Content 0', body: null }])
  expect(errors?.[0]?.extensions).toMatchObject({
    code: 'CONTENT_STORE_UNAVAILABLE',
    retryAfterMs: expect.any(Number),
  })
})

test('FALLBACK on a copy that fails says when the copy is asked again', async () => {
  await using gateway = await startGateway(undefined, { bigquery: true })
  const tenant = await gateway.newTenant()
  await createTestContents(gateway, tenant, 1)
  await copyVersions(gateway, tenant.id)
  await setMode(gateway, tenant, 'FALLBACK')
  await using twin = await gateway.startTwin({ LOG_LEVEL: 'silent' })
  gateway.bigquery.faults.add({ operation: 'query', kind: 'status', status: 503 })

  const { errors = [] } = await twin.query(tenant, pageDocument)

  const fields = errors.map(({ path }) => path?.at(-1))
  expect(new Set(fields)).toEqual(new Set(['body', 'changesSummary']))
  for (const { extensions } of errors) {
    expect(extensions).toMatchObject({ code: 'CONTENT_STORE_UNAVAILABLE' })
    // The first rest of a copy that has failed; what it lacks would take a minute.
    expect(extensions?.['retryAfterMs']).toBeLessThanOrEqual(1_000)
  }
})

test('PRIMARY reads ZeroDB alone, even while it is away', async () => {
  await using gateway = await startGateway(undefined, { bigquery: true })
  const tenant = await gateway.newTenant()
  await createTestContents(gateway, tenant, 5)
  await copyVersions(gateway, tenant.id)
  await setMode(gateway, tenant, 'PRIMARY')
  await using twin = await gateway.startTwin({ LOG_LEVEL: 'silent' })
  gateway.zerodb.faults.add({ operation: '*', kind: 'reset' })
  gateway.bigquery.calls.length = 0

  const { data, errors } = await twin.query(tenant, pageDocument)

  expect(data?.contents.nodes.map(({ body }) => body)).toEqual([null, null, null, null, null])
  expect(new Set(errors?.map(({ extensions }) => extensions?.['code']))).toEqual(
    new Set(['CONTENT_STORE_UNAVAILABLE']),
  )
  expect(queriesOf(gateway.bigquery.calls)).toEqual([])
})

test('METADATA_ONLY asks nobody, and says why there are no bodies', async () => {
  await using gateway = await startGateway(undefined, { bigquery: true })
  const tenant = await gateway.newTenant()
  await createTestContents(gateway, tenant, 5)
  await copyVersions(gateway, tenant.id)
  await setMode(gateway, tenant, 'METADATA_ONLY')
  await using twin = await gateway.startTwin()
  gateway.zerodb.calls.length = 0
  gateway.bigquery.calls.length = 0

  const { data, errors } = await twin.query(tenant, pageDocument)

  expect(data?.contents.nodes).toHaveLength(5)
  expect(data?.contents.nodes[0]).toMatchObject({ preview: 'Body 4', body: null })
  expect(errors).toHaveLength(10)
  for (const { message, extensions } of errors ?? []) {
    expect(extensions).toMatchObject({ code: 'CONTENT_STORE_UNAVAILABLE' })
    expect(message).toMatch(/its read mode is METADATA_ONLY\. An owner switches it on again/)
  }
  expect([...gateway.zerodb.calls, ...gateway.bigquery.calls]).toEqual([])
})

test('the mode is one tenant’s, and the audit keeps who set it and why', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const other = await gateway.newTenant({ name: 'Another' })
  await setMode(gateway, tenant, 'METADATA_ONLY')
  await setMode(gateway, tenant, 'METADATA_ONLY')

  const { data } = await gateway.query(other, pageDocument)
  expect(data?.viewer?.tenant.readMode).toBe('AUTO')
  const { rows } = await gateway.database.admin.query(
    `select tenant_id, before, after from audit_events where action = 'setReadMode'`,
  )
  expect(rows).toEqual([
    {
      tenant_id: tenant.id,
      before: { readMode: 'auto' },
      after: { readMode: 'metadata_only', reason: 'A drill.' },
    },
  ])
})

test('there is no falling back on a copy that nobody keeps, and no change without a reason', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const set = async (mode: ReadMode, reason: string) =>
    (await gateway.query(tenant, setDocument, { mode, reason })).data?.setReadMode

  expect(await set('FALLBACK', 'A drill.')).toEqual({
    __typename: 'ValidationError',
    message: 'mode: There is no recovery copy to read from: BigQuery is not configured',
  })
  expect(await set('PRIMARY', ' ')).toMatchObject({ __typename: 'ValidationError' })
  expect(await set('PRIMARY', 'x'.repeat(501))).toMatchObject({ __typename: 'ValidationError' })
  expect(await set('PRIMARY', 'x'.repeat(500))).toMatchObject({ ok: true })
})
