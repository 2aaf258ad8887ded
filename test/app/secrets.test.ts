import { Writable } from 'node:stream'
import { expect, test } from 'vitest'
import { createLog } from '../../src/platform/log.ts'
import { UpstreamError } from '../../src/lib/errors.ts'
import { canary, expectNoCanaries, tracesOfSecrets, watchSecret } from '../support/canaries.ts'
import { startGateway } from '../support/gateway.ts'
import { runProgram } from '../support/program.ts'

const gotOut = (where: string) => new RegExp(`^A secret got out: ${where}`)

test('a secret is found as it is, in hex, and in base64 wherever it begins', () => {
  const secret = canary('forms')
  const forms = [
    secret,
    `{"a":"${secret}"}`,
    Buffer.from(secret).toString('hex'),
    ...['', '1', '12', '123', '1234'].flatMap((shift) => {
      const bytes = Buffer.from(`${shift}${secret}`)
      return [bytes.toString('base64'), bytes.toString('base64url')]
    }),
  ]
  for (const form of forms) expect(() => expectNoCanaries(form, 'here')).toThrow(gotOut('here'))
  expect(() => expectNoCanaries('x'.repeat(1_000), 'here')).not.toThrow()
  for (const trace of tracesOfSecrets()) expect(trace.length).toBeGreaterThanOrEqual(7)
  watchSecret('made up by somebody else')
  expect(() => expectNoCanaries('… made up by somebody else …', 'here')).toThrow(gotOut('here'))
})

test('a secret in the log of a gateway fails its test, though nothing of it is shown', async () => {
  const gateway = await startGateway()
  gateway.services.log.debug({ note: canary('log') }, 'planted')
  await expect(gateway[Symbol.asyncDispose]()).rejects.toThrow(gotOut('the log'))
})

test('a secret in an answer fails its test', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const [, claims] = tenant.tokens.editor.split('.')
  const rename = (name: string) =>
    gateway.database.admin.query('update tenants set name = $1', [name])
  for (const secret of [canary('answer'), claims ?? '']) {
    await rename(secret)
    const answering = gateway.query(tenant, '{ viewer { tenant { name } } }')
    await expect(answering).rejects.toThrow(gotOut('the answer to { viewer'))
  }
  await rename('clean')
})

const plants = [
  ['a text', `update tenants set name = $1`],
  ['JSON', `update content_items set metadata = jsonb_build_object('deep', array[$1::text])`],
  ['bytes', `insert into planted select convert_to($1, 'utf8')`],
  [
    'another schema',
    `insert into elsewhere.planted select encode(convert_to($1, 'utf8'), 'base64')`,
  ],
] as const

test.for(plants)('a secret in the database fails its test: %s', async ([, sql]) => {
  const gateway = await startGateway()
  const tenant = await gateway.newTenant()
  await gateway.query(
    tenant,
    'mutation { createContent(input: { title: "x", body: { raw: "x" } }) { __typename } }',
  )
  const { admin } = gateway.database
  await admin.query(
    'create table planted (a bytea); create schema elsewhere; create table elsewhere.planted (a text)',
  )
  await admin.query(sql, [canary('row')])
  await expect(gateway[Symbol.asyncDispose]()).rejects.toThrow(gotOut('the table '))
})

test('a secret that a program prints fails its test', async () => {
  const program = runProgram(['token', '--user', canary('argument')], {})
  expect(await program.exited).toBe(1)
  await expect(program[Symbol.asyncDispose]()).rejects.toThrow(gotOut('what "gateway token'))
})

/** What a log writes of `entries`, one after the other. */
function logged(...entries: object[]): string {
  let text = ''
  const log = createLog(
    'debug',
    new Writable({
      write(chunk: Buffer, _encoding, done) {
        text += chunk.toString()
        done()
      },
    }),
  )
  for (const entry of entries) log.info(entry, 'entry')
  return text
}

test('the log cuts out what is called a secret, at three levels', () => {
  const secret = canary('named')
  const carriers = [
    { authorization: secret },
    { secret },
    { sealedSecret: secret },
    { password: secret },
    { apiKey: secret },
    { token: secret },
    { headers: { 'x-goog-api-key': secret } },
    { connectionParams: { authorization: secret } },
  ]
  const text = logged(...carriers.flatMap((one) => [one, { a: one }, { a: { b: one } }]))
  expectNoCanaries(text, 'the log')
  expect(text.match(/\[redacted\]/g)).toHaveLength(carriers.length * 3)
})

test('of an error the log tells type, message, code and causes, and nothing that hangs on them', () => {
  const secret = canary('error')
  const parsing = thrownBy(() => JSON.parse(`{"key": ${secret}}`))
  const driver = Object.assign(new Error('duplicate key'), {
    code: '23505',
    detail: `Key (secret)=(${secret}) already exists.`,
    query: `insert into planted values ('${secret}')`,
    cause: parsing,
  })
  const upstream = new UpstreamError('ZeroDB', 'malformed', 'not JSON', {
    cause: Object.assign(driver, { headers: { authorization: secret } }),
  })
  const circular = new Error('round')
  circular.cause = circular

  const text = logged(
    { err: upstream },
    { err: circular },
    { err: 'thrown text' },
    { err: parsing },
  )

  expectNoCanaries(text, 'the log')
  const [first, second, third] = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { err: object })
  expect(first?.err).toMatchObject({
    type: 'UpstreamError',
    message: 'ZeroDB: not JSON',
    stack: expect.stringMatching(/^ +at /),
    cause: {
      type: 'Error',
      message: 'duplicate key',
      code: '23505',
      cause: { type: 'SyntaxError' },
    },
  })
  expect(second?.err).toMatchObject({ message: 'round' })
  expect(third?.err).toEqual({ type: 'string' })
})

function thrownBy(work: () => unknown): unknown {
  try {
    return work()
  } catch (error) {
    return error
  }
}
