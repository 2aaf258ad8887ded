import { Writable } from 'node:stream'
import { expect, test } from 'vitest'
import { createLog, type Log } from '../../src/platform/log.ts'
import { createTestContents } from '../support/contents.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'

interface LogLine extends Record<string, unknown> {
  level: number
  msg: string
}

/** A log and what it has written so far, as the bytes came. */
function listen(level = 'info') {
  let text = ''
  const destination = new Writable({
    write(chunk: Buffer, _encoding, done) {
      text += chunk.toString()
      done()
    },
  })
  const lines = () => text.split('\n').filter(Boolean)
  return {
    log: createLog(level, destination),
    text: () => text,
    lines,
    operations: () =>
      lines()
        .map((line) => JSON.parse(line) as LogLine)
        .filter(({ msg }) => msg === 'operation'),
  }
}

/** Everything that happens in the gateway from now on is written to `log`. */
function writeTo(gateway: TestGateway, log: Log): void {
  Object.assign(gateway.services, { log })
}

const levels = { info: 30, warn: 40 }

test('an operation that went well and fast is not told, one that failed is, with who and why', async () => {
  await using gateway = await startGateway()
  const { log, operations } = listen()
  writeTo(gateway, log)
  const tenant = await gateway.newTenant()
  await createTestContents(gateway, tenant, 1)
  await gateway.query(tenant, 'query Fine { viewer { tenant { name } } }')
  await gateway.query(tenant.tokens.viewer, 'query Health { storeHealth { state } }')
  await gateway.query('nobody', 'query Nobody { viewer { tenant { name } } }')
  await using twin = await gateway.startTwin()
  writeTo(twin, log)
  gateway.zerodb.faults.add({ operation: 'query', kind: 'status', status: 500 })
  await twin.query(tenant, 'query Bodies { contents(first: 1) { nodes { body { raw } } } }')

  const told = operations()
  const named = (name: string) => told.find(({ operationName }) => operationName === name)
  expect(named('Fine')).toBeUndefined()
  const who = { requestId: expect.stringMatching(/^[0-9a-f-]{36}$/), ms: expect.any(Number) }
  expect(named('Health')).toMatchObject({
    ...who,
    level: levels.info,
    codes: ['FORBIDDEN'],
    tenantId: tenant.id,
    kind: 'query',
  })
  expect(named('Bodies')).toMatchObject({
    ...who,
    level: levels.warn,
    codes: ['CONTENT_STORE_UNAVAILABLE'],
    tenantId: tenant.id,
  })
  expect(told.find(({ codes }) => String(codes) === 'UNAUTHENTICATED')).toMatchObject({
    ...who,
    level: levels.info,
  })
})

test('an operation that took longer than a second is told', async () => {
  await using gateway = await startGateway()
  const { log, operations } = listen()
  const tenant = await gateway.newTenant()
  await createTestContents(gateway, tenant, 1)
  await using twin = await gateway.startTwin()
  writeTo(twin, log)
  gateway.zerodb.faults.add({ operation: 'query', kind: 'latency', ms: 1_100 })
  await twin.query(tenant, 'query Slow { contents(first: 1) { nodes { body { raw } } } }')
  expect(operations()).toMatchObject([
    { level: levels.info, operationName: 'Slow', codes: [], tenantId: tenant.id },
  ])
  expect(operations()[0]?.['ms']).toBeGreaterThan(1_000)
})

const hostile = [
  ['line ends', 'a\r\n{"level":30,"msg":"forged"}\r\n'],
  ['ANSI escapes', '\u001b[2J\u001b[31mred\u001b[0m'],
  ['C1 controls', '\u009b2J\u0085'],
  ['Unicode line ends', 'a\u2028b\u2029c'],
  ['a turned direction', '\u202egnp.exe\u2066'],
  ['quotes', '","level":60,"x":"'],
  ['a megabyte', 'x'.repeat(1_000_000)],
  ['a megabyte of escapes', '\u001b"\u2028'.repeat(100_000)],
] as const

test.for(hostile)('what a client sends stays within its line: %s', async ([, words]) => {
  await using gateway = await startGateway()
  const { log, text, lines } = listen('debug')
  writeTo(gateway, log)
  const tenant = await gateway.newTenant()
  const { owner } = tenant.tokens
  const headers = { authorization: `Bearer ${owner}`, 'content-type': 'application/json' }
  const body = JSON.stringify({ query: 'query A { nothing }', operationName: words })
  await fetch(gateway.url, { method: 'POST', headers, body }).then((answer) => answer.text())
  await gateway.query(
    tenant,
    `{ contents(first: 1, after: ${JSON.stringify(words)}) { nodes { id } } }`,
  )
  await gateway.query(tenant, 'query B($id: ID!) { content(id: $id) { id } }', { id: words })
  log.error({ err: new Error(words) }, words)

  expect(text()).not.toMatch(/\p{Cc}(?<!\n)|[\u2028\u2029\u202a-\u202e\u2066-\u2069]/u)
  expect(lines().length).toBeGreaterThanOrEqual(3)
  for (const line of lines()) {
    expect(Buffer.byteLength(line)).toBeLessThanOrEqual(8 * 1024)
    const { level, msg } = JSON.parse(line) as LogLine
    expect(level).toBeLessThan(60)
    expect(msg).not.toBe('forged')
  }
})

test('a user agent of a megabyte is refused and written nowhere', async () => {
  await using gateway = await startGateway()
  const { log, text } = listen('debug')
  writeTo(gateway, log)
  const headers = { 'user-agent': 'x'.repeat(1_000_000) }
  const status = await fetch(gateway.url, { method: 'POST', headers, body: '{}' }).then(
    (answer) => answer.status,
    () => 'cut',
  )
  expect([431, 'cut']).toContain(status)
  expect(text()).not.toContain('xxxx')
})
