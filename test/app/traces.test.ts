import { expect, test, vi } from 'vitest'
import { startCollector } from '../support/collector.ts'
import { createTestContents } from '../support/contents.ts'
import { startGateway } from '../support/gateway.ts'
import { startServer } from '../support/servers.ts'

const timeout = 120_000
const page =
  'query Page($where: ContentWhere) { contents(first: 5, where: $where) { nodes { title body { raw } } } }'

test(
  'an operation is one span, with what it asked of the stores below it',
  { timeout },
  async () => {
    await using collector = await startCollector()
    await using gateway = await startGateway()
    const tenant = await gateway.newTenant()
    await createTestContents(gateway, tenant, 3)
    await using server = await startServer(gateway, { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url })
    const token = await server.tokenOf(tenant)
    gateway.zerodb.calls.length = 0
    const traceId = '0af7651916cd43dd8448eb211c80319c'
    const traceparent = `00-${traceId}-b7ad6b7169203331-01`
    const { data, errors } = await server.query(token, page, {}, { traceparent })
    expect({ errors, data }).toMatchObject({
      errors: undefined,
      data: { contents: expect.anything() },
    })
    await server.query(
      token,
      'query Refused { contents(first: 1, after: "nothing") { nodes { id } } }',
      {},
      { traceparent },
    )

    await vi.waitUntil(() => collector.spans.filter(({ name }) => name === 'query').length === 2, {
      timeout: 20_000,
    })
    const spans = collector.spans.filter((span) => span.traceId === traceId)
    const valuesOf = (span: (typeof spans)[number] | undefined) =>
      Object.fromEntries(
        (span?.attributes ?? []).map(({ key, value }) => [key, Object.values(value)[0]]),
      )
    const operation = spans.find(
      (span) => valuesOf(span)['graphql.operation.name'] === 'Page' && span.name === 'query',
    )
    expect(valuesOf(operation)).toEqual({
      'graphql.operation.type': 'query',
      'graphql.operation.name': 'Page',
      'gateway.request_id': expect.stringMatching(/^[0-9a-f-]{36}$/),
    })
    const below = spans.filter(({ parentSpanId }) => parentSpanId === operation?.spanId)
    expect(below.map(({ name }) => name).sort()).toEqual(['ZeroDB request', 'postgres trip'])
    const refused = spans.find((span) => valuesOf(span)['graphql.operation.name'] === 'Refused')
    expect(valuesOf(refused)).toHaveProperty('gateway.error_codes')
    expect(collector.received()).not.toContain('nothing')
    expect(collector.received()).not.toContain('contents(')
    expect(collector.received()).not.toContain(tenant.id)
  },
)

test('a collector that is away disturbs nobody', { timeout }, async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  await using server = await startServer(gateway, {
    OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9',
  })
  const token = await server.tokenOf(tenant)
  expect((await server.query(token, '{ viewer { tenant { name } } }')).errors).toBeUndefined()
  server.child.kill('SIGTERM')
  expect(await server.exited).toBe(0)
})
