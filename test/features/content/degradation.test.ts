import { expect, test, vi } from 'vitest'
import type { Fault } from '../../../src/local/faults.ts'
import { createTestContents } from '../../support/contents.ts'
import { startGateway } from '../../support/gateway.ts'
import { graphql } from '../../support/gql/gql.ts'

const page = graphql(`
  query DegradedPage {
    contents(first: 20) {
      nodes {
        title
        preview
        body {
          raw
        }
      }
    }
  }
`)

type Kind = Fault extends infer F
  ? F extends { kind: string }
    ? Omit<F, 'operation'>
    : never
  : never

const sicknesses: Record<string, Kind> = {
  'refuses connections': { kind: 'reset' },
  'never answers': { kind: 'hang' },
  'answers too late': { kind: 'latency', ms: 30_000 },
  'answers 500': { kind: 'status', status: 500 },
  'asks for a pause': { kind: 'status', status: 429, retryAfterSeconds: 1 },
  'answers half a JSON text': { kind: 'truncated' },
  'answers a web page': { kind: 'wrongJson' },
  'answers byte by byte': { kind: 'trickle', msPerByte: 50 },
  "answers another tenant's rows": { kind: 'wrongTenant' },
  'answers another text': { kind: 'staleBody' },
  'answers a damaged text': { kind: 'corruptBody' },
}

test.each(Object.entries(sicknesses))(
  'while ZeroDB %s the list is whole, bodies are null with an error, and all is well soon after',
  async (_name, fault) => {
    await using gateway = await startGateway({ REQUEST_TIMEOUT_MS: '6000' })
    const tenant = await gateway.newTenant()
    await createTestContents(gateway, tenant, 20)
    await using cold = await gateway.startTwin({ BODY_CACHE_MB: '0', LOG_LEVEL: 'silent' })

    gateway.zerodb.faults.add({ operation: 'query', ...fault } as Fault<'query'>)
    const sick = await cold.query(tenant, page)

    const nodes = sick.data?.contents.nodes ?? []
    expect(nodes.map(({ title }) => title)).toEqual(
      Array.from({ length: 20 }, (_, index) => `Content ${19 - index}`),
    )
    expect(nodes.every(({ preview }) => preview?.startsWith('Body '))).toBe(true)
    expect(nodes.every(({ body }) => body === null)).toBe(true)
    expect(sick.errors).toHaveLength(20)
    for (const [index, { path, extensions, message }] of (sick.errors ?? []).entries()) {
      expect(path).toEqual(['contents', 'nodes', index, 'body'])
      expect(extensions?.['code']).toBe('CONTENT_STORE_UNAVAILABLE')
      expect(extensions?.['retryAfterMs']).toBeGreaterThanOrEqual(0)
      expect(message).toBe('The content store is not available right now.')
    }

    gateway.zerodb.faults.clear()
    await vi.waitFor(
      async () => {
        const well = await cold.query(tenant, page)
        expect(well.errors).toBeUndefined()
        expect(well.data?.contents.nodes[0]?.body?.raw).toBe('Body 19')
      },
      { timeout: 5_000, interval: 100 },
    )
  },
)

test('a body that ZeroDB has lost is null with an error of its own; the others are there', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  await createTestContents(gateway, tenant, 20)
  await using cold = await gateway.startTwin()

  gateway.zerodb.faults.add({ operation: 'query', kind: 'missingRows', count: 1 })
  const { data, errors } = await cold.query(tenant, page)

  expect(data?.contents.nodes.filter(({ body }) => body === null)).toHaveLength(1)
  expect(errors).toHaveLength(1)
  expect(errors?.[0]?.extensions?.['code']).toBe('CONTENT_BODY_MISSING')
})

test('what is in memory is served while ZeroDB is away', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  await createTestContents(gateway, tenant, 20)

  gateway.zerodb.faults.add({ operation: '*', kind: 'reset' })
  const { data, errors } = await gateway.query(tenant, page)

  expect(errors).toBeUndefined()
  expect(data?.contents.nodes.every(({ body }) => body !== null)).toBe(true)
})
