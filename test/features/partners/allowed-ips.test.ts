import { expect, test } from 'vitest'
import { createIpCheck, isAddressOrRange } from '../../../src/features/partners/allowed-ips.ts'

test('an address is found in the ranges that hold it, in whichever form either is written', () => {
  const held: [string, string[], string[]][] = [
    ['203.0.113.7', ['203.0.113.7', '::ffff:203.0.113.7', '::FFFF:cb00:7107'], ['203.0.113.8']],
    ['203.0.113.0/24', ['203.0.113.255', '::ffff:203.0.113.0'], ['203.0.114.0', '::203.0.113.1']],
    ['203.0.113.9/24', ['203.0.113.1'], ['203.0.112.1']],
    ['0.0.0.0/0', ['1.2.3.4', '::ffff:1.2.3.4'], ['2001:db8::1']],
    ['::/0', ['2001:db8::1', '::1'], []],
    ['2001:db8::/32', ['2001:DB8:0:0::1', '2001:db8:ffff::'], ['2001:db9::', '32.1.13.184']],
    ['::ffff:203.0.113.0/120', ['203.0.113.4', '::ffff:203.0.113.4'], ['203.0.112.4']],
    ['fe80::/10', ['fe80::1%eth0'], ['fec0::1']],
  ]
  for (const [range, inside, outside] of held) {
    const allows = createIpCheck([range])
    for (const ip of inside)
      expect({ range, ip, allowed: allows(ip) }).toMatchObject({ allowed: true })
    for (const ip of outside) {
      expect({ range, ip, allowed: allows(ip) }).toMatchObject({ allowed: false })
    }
    expect(allows(null)).toBe(false)
  }
  expect(createIpCheck(null)(null)).toBe(true)
})

test('what is neither an address nor a range of them is told apart', () => {
  for (const text of [
    '',
    'localhost',
    '203.0.113',
    '203.0.113.256',
    '203.0.113.0/33',
    '203.0.113.0/',
    '203.0.113.0/-1',
    '203.0.113.0/8/8',
    '203.0.113.0/0x8',
    ' 203.0.113.1',
    '2001:db8::/129',
    'fe80::1%eth0',
    '::ffff:203.0.113.0/24',
    '*',
  ]) {
    expect({ text, valid: isAddressOrRange(text) }).toEqual({ text, valid: false })
  }
})
