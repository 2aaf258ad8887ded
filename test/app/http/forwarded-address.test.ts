import { expect, test } from 'vitest'
import { createTestKey } from '../../support/api-keys.ts'
import { startGateway, type TestGateway } from '../../support/gateway.ts'

const asked = '{ viewer { tenant { name } } }'

async function statusFor(gateway: TestGateway, key: string, forwarded: string): Promise<number> {
  const headers = { 'x-forwarded-for': forwarded }
  return (await gateway.query(key, asked, undefined, headers)).status
}

test('a trusted proxy speaks for the address of its client, and nobody else does', async () => {
  await using gateway = await startGateway({ TRUSTED_PROXIES: '127.0.0.1,::1,10.0.0.0/8' })
  const tenant = await gateway.newTenant()
  const { secret } = await createTestKey(gateway, tenant, { allowedIps: ['203.0.113.0/24'] })
  expect(await statusFor(gateway, secret, '203.0.113.9')).toBe(200)
  expect(await statusFor(gateway, secret, '198.51.100.1, 203.0.113.9')).toBe(200)
  expect(await statusFor(gateway, secret, '203.0.113.9, 10.1.2.3')).toBe(200)
  // What a client has written stands before what the proxy adds.
  expect(await statusFor(gateway, secret, '203.0.113.9, 198.51.100.1')).toBe(401)
  expect(await statusFor(gateway, secret, 'unknown')).toBe(401)
  expect(await statusFor(gateway, secret, '')).toBe(401)

  await using direct = await gateway.startTwin({ TRUSTED_PROXIES: '' })
  expect(await statusFor(direct, secret, '203.0.113.9')).toBe(401)
})
