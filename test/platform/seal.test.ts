import { generateKeySync } from 'node:crypto'
import { expect, test } from 'vitest'
import { newId } from '../../src/lib/id.ts'
import { openSealed, sealWith } from '../../src/platform/seal.ts'
import type { SecretPlace } from '../../src/platform/vault.ts'
import { canary } from '../support/canaries.ts'
import { startGateway } from '../support/gateway.ts'

const key = generateKeySync('aes', { length: 256 })

function opens(sealed: string, context: string): boolean {
  try {
    openSealed(key, sealed, context)
    return true
  } catch {
    return false
  }
}

test('no bit of a sealed text can be flipped, and no character put in, taken out or respelled', () => {
  const context = 'here'
  let tried = 0
  for (let round = 0; round < 100; round++) {
    const sealed = sealWith(key, Buffer.from(`secret ${'x'.repeat(round)}`), context)
    expect(openSealed(key, sealed, context).toString()).toBe(`secret ${'x'.repeat(round)}`)
    const text = Buffer.from(sealed)
    for (let bit = 0; bit < text.length * 8; bit++) {
      const damaged = Buffer.from(text)
      damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      if (opens(damaged.toString('latin1'), context)) throw new Error(`bit ${bit} does not count`)
      tried++
    }
    const [version = '', body = ''] = sealed.split('.')
    const bytes = Buffer.from(body, 'base64url')
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const damaged = Buffer.from(bytes)
      damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      if (opens(`${version}.${damaged.toString('base64url')}`, context)) {
        throw new Error(`bit ${bit} does not count`)
      }
      tried++
    }
    for (const other of [`${sealed}=`, `${sealed}A`, sealed.slice(0, -1), ` ${sealed}`, body, '']) {
      expect(opens(other, context)).toBe(false)
    }
  }
  expect(tried).toBeGreaterThan(100 * 8 * 2 * 40)
}, 60_000)

test('a thousand swaps between tenants, keys and purposes open nothing', async () => {
  await using gateway = await startGateway()
  const { vault } = gateway.services
  const tenants = [await gateway.newTenant(), await gateway.newTenant(), await gateway.newTenant()]
  const purposes = ['llmKey', 'other' as 'llmKey'] as const
  const places = tenants.flatMap(({ id: tenantId }) =>
    purposes.flatMap((purpose) =>
      Array.from({ length: 6 }, (): SecretPlace => ({ tenantId, purpose, id: newId() })),
    ),
  )
  const secret = canary('swapped')
  const sealed = await Promise.all(places.map((place) => vault.seal(place, secret)))
  let swaps = 0
  for (const [index, place] of places.entries()) {
    const own = sealed[index] ?? { dataKeyId: '', text: '' }
    expect(await vault.open(place, own)).toBe(secret)
    for (const theirs of sealed.filter((each) => each !== own)) {
      await expect(vault.open(place, theirs)).rejects.toThrow(/does not open|has no such data key/)
      // Also when the row names the data key of its own tenant.
      const renamed = { ...theirs, dataKeyId: own.dataKeyId }
      await expect(vault.open(place, renamed)).rejects.toThrow(/does not open/)
      swaps++
    }
  }
  expect(swaps).toBeGreaterThanOrEqual(1_000)
}, 60_000)
