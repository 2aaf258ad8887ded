import { request } from 'node:http'
import { crc32 } from 'node:zlib'
import { expect, test } from 'vitest'
import { idOf } from '../../../src/graphql/global-id.ts'
import { newId } from '../../../src/lib/id.ts'
import { createTestKey, type TestApiKey } from '../../support/api-keys.ts'
import { startGateway, type TestGateway } from '../../support/gateway.ts'
import { refusedUpgrade, openBareSocket } from '../../support/live.ts'

const asking = '{ viewer { scopes } }'

async function statusOf(gateway: TestGateway, key: string): Promise<number> {
  return (await gateway.query(key, asking)).status
}

/** The key with another id or secret, and a check that fits. */
function forge(key: TestApiKey, change: { id?: string; secret?: string }): string {
  const [, , id = '', secret = ''] = key.secret.split('_')
  const text = `cg_live_${change.id ?? id}_${change.secret ?? secret}`
  return `${text}_${crc32(text).toString(16).padStart(8, '0')}`
}

const plainId = (id: string) => id.replaceAll('-', '')

test('who knows a key but for a part of it is nobody, and the answers are all the same', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const other = await gateway.newTenant({ name: 'Other' })
  const key = await createTestKey(gateway, tenant)
  const theirs = await createTestKey(gateway, other)
  const [, , ownId = '', ownSecret = '', check = ''] = key.secret.split('_')
  const [, , theirId = '', theirSecret = ''] = theirs.secret.split('_')
  const guesses = [
    `cg_live_${ownId}`,
    `cg_live_${ownId}_`,
    `cg_live_${ownId}__${check}`,
    key.secret.slice(0, -1),
    `${key.secret}0`,
    `${key.secret.slice(0, -1)}${key.secret.endsWith('0') ? '1' : '0'}`,
    key.secret.toUpperCase(),
    key.secret.replace('cg_live', 'cg_test'),
    `cg_live_${ownId}_${ownSecret}`,
    forge(key, { secret: '0'.repeat(64) }),
    forge(key, { secret: '' }),
    forge(key, { secret: ownSecret.slice(0, 63) }),
    forge(key, { id: theirId }),
    forge(key, { id: plainId(newId()) }),
    forge(theirs, { id: ownId }),
    forge(key, { id: '0'.repeat(32) }),
    forge(key, { id: plainId(tenant.id) }),
    forge(key, { id: `${ownId}' or true --` }),
    forge(key, { secret: theirSecret }),
  ]
  const answers = new Set<string>()
  for (const guess of guesses) {
    const { status, text } = await gateway.query(guess, asking)
    expect({ guess, status }).toEqual({ guess, status: 401 })
    answers.add(text)
  }
  expect(answers.size).toBe(1)
  expect(await statusOf(gateway, key.secret)).toBe(200)
  expect(await statusOf(gateway, theirs.secret)).toBe(200)
})

test('a key comes as a bearer, and in no other way', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const { secret } = await createTestKey(gateway, tenant)
  for (const headers of [
    { authorization: secret },
    { authorization: `Basic ${secret}` },
    { authorization: `Bearer ${secret} ${secret}` },
    { authorization: `Bearer "${secret}"` },
    { 'x-api-key': secret },
    { cookie: `authorization=${secret}` },
  ]) {
    const response = await fetch(gateway.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(headers as Record<string, string>) },
      body: JSON.stringify({ query: asking }),
    })
    expect(response.status).toBe(401)
  }
})

test('a key in the address is refused, whoever asks, and not repeated', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const { secret } = await createTestKey(gateway, tenant)
  const query = encodeURIComponent(asking)
  const hidden = secret.replaceAll('_', '%5F').replace('c', '%63')
  const addresses = [
    `?api_key=${secret}`,
    `?query=${query}&access_token=${secret}`,
    `?query=${query}&${secret}`,
    `?query=${query}&key=${hidden}`,
    `?query=${query}&key=${secret.slice(0, 30)}`,
    `/${secret}`,
  ]
  const authorization = `Bearer ${tenant.tokens.owner}`
  for (const address of addresses) {
    for (const headers of [{}, { authorization }, { authorization, accept: 'text/event-stream' }]) {
      const response = await fetch(gateway.url + address, {
        headers: headers as Record<string, string>,
      })
      const text = await response.text()
      expect({ address, status: response.status }).toEqual({ address, status: 400 })
      expect(text).toContain('There is an API key in the address')
      expect(text).not.toContain(secret.split('_')[3])
      expect(text).not.toContain(secret.split('_')[2])
    }
  }
  const { status } = await fetch(`${gateway.url}?api_key=${secret}`, { method: 'POST' })
  expect(status).toBe(400)
  expect(await refusedUpgrade(`${gateway.url}?key=${secret}`, {})).toBe(400)
})

test('of a key nothing is kept that could be sent, wherever one looks', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const key = await createTestKey(gateway, tenant, { name: 'Shop' })
  await gateway.query(key.secret, asking)
  const { rows: tables } = await gateway.database.admin.query<{ name: string }>(
    `select c.oid::regclass::text as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relkind = 'r' and n.nspname not in ('pg_catalog', 'information_schema')`,
  )
  let dump = ''
  for (const { name } of tables) {
    const { rows } = await gateway.database.admin.query<{ row: string }>(
      `select row::text from ${name} row`,
    )
    dump += rows.map(({ row }) => row).join('\n')
  }
  const secret = key.secret.split('_')[3] ?? ''
  expect(dump).toContain('Shop')
  for (const form of [
    secret,
    Buffer.from(secret, 'hex').toString('base64'),
    Buffer.from(secret).toString('base64'),
  ]) {
    expect(dump).not.toContain(form)
  }
})

test('with another hash secret every key is void', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const key = await createTestKey(gateway, tenant)
  await using twin = await gateway.startTwin({}, { pepper: 'another pepper of this very gateway' })
  expect(await statusOf(twin, key.secret)).toBe(401)
  expect(await statusOf(gateway, key.secret)).toBe(200)
})

test('an unknown key is looked for once in five seconds, and known soon after it is there', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const key = await createTestKey(gateway, tenant)
  await using twin = await gateway.startTwin()
  const rename = (from: string, to: string) =>
    gateway.database.admin.query('update api_keys set id = $2 where id = $1', [from, to])
  const id = idOf('ApiKey', key.id)
  const elsewhere = newId()
  await rename(id, elsewhere)
  expect(await statusOf(twin, key.secret)).toBe(401)

  await rename(elsewhere, id)

  expect(await statusOf(twin, key.secret)).toBe(401)
  await expect.poll(() => statusOf(twin, key.secret), { timeout: 8_000, interval: 100 }).toBe(200)
})

/** The status of a request that comes from `localAddress`. */
function statusFrom(url: string, key: string, localAddress: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' }
    const sent = request(url, { method: 'POST', headers, localAddress }, (response) => {
      response.resume()
      resolve(response.statusCode)
    })
    sent.on('error', reject)
    sent.end(JSON.stringify({ query: asking }))
  })
}

test('a key works from its addresses only, over each transport', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const made = (allowedIps: string[]) => createTestKey(gateway, tenant, { allowedIps })
  const near = await made(['127.0.0.2', '2001:db8::/32'])
  const all = await made(['127.0.0.0/8'])
  const mapped = await made(['::ffff:127.0.0.2/127'])
  const far = await made(['203.0.113.0/24'])
  const from = (key: TestApiKey, address: string) => statusFrom(gateway.url, key.secret, address)

  expect(await from(near, '127.0.0.2')).toBe(200)
  expect(await from(near, '127.0.0.3')).toBe(401)
  expect(await from(near, '127.0.0.2')).toBe(200)
  expect(await from(all, '127.255.1.2')).toBe(200)
  expect([await from(mapped, '127.0.0.3'), await from(mapped, '127.0.0.4')]).toEqual([200, 401])
  expect(await from(far, '127.0.0.1')).toBe(401)
  expect((await gateway.query(far.secret, asking)).text).toBe(
    (await gateway.query(forge(far, { secret: '0'.repeat(64) }), asking)).text,
  )
  using socket = await openBareSocket(gateway.url)
  socket.send({ type: 'connection_init', payload: { authorization: `Bearer ${far.secret}` } })
  expect(await socket.closed).toBe(4403)
  const stream = await gateway.query(far.secret, 'subscription { quotaChanged { sequence } }')
  expect(stream.status).toBe(401)
})
