import { BlockList, isIP } from 'node:net'

const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/

interface Range {
  address: string
  family: 'ipv4' | 'ipv6'
  bits: number
}

/** Undefined for what is neither an address nor a range of them, e.g. `203.0.113.0/24`. */
function readRange(text: string): Range | undefined {
  const [address = '', length, ...rest] = text.split('/')
  const found = readAddress(address)
  if (!found || rest.length > 0) return undefined
  const given = isIP(address) === 4 ? 32 : 128
  const bits = length === undefined ? given : /^\d{1,3}$/.test(length) ? Number(length) : Infinity
  // An IPv4 address in its IPv6 form has 96 bits before it.
  const own = found.family === 'ipv4' ? bits - (given - 32) : bits
  return bits > given || own < 0 ? undefined : { ...found, bits: own }
}

/** IPv4 addresses also in their IPv6 form, which is how a socket for both kinds shows them. */
function readAddress(text: string): Omit<Range, 'bits'> | undefined {
  const version = isIP(text)
  if (version === 0 || text.includes('%')) return undefined
  if (version === 4) return { address: text, family: 'ipv4' }
  const address = new URL(`http://[${text}]`).hostname.slice(1, -1)
  const [, high, low] = mapped.exec(address) ?? []
  if (high === undefined || low === undefined) return { address, family: 'ipv6' }
  const bytes = [high, low].flatMap((part) => {
    const word = Number.parseInt(part, 16)
    return [word >> 8, word & 0xff]
  })
  return { address: bytes.join('.'), family: 'ipv4' }
}

export function isAddressOrRange(text: string): boolean {
  return readRange(text) !== undefined
}

/** Whether an address is one of those allowed; for null every one is, and nobody knows an absent one. */
export function createIpCheck(allowed: readonly string[] | null): (ip: string | null) => boolean {
  if (!allowed) return () => true
  const list = new BlockList()
  for (const text of allowed) {
    const range = readRange(text)
    if (range) list.addSubnet(range.address, range.bits, range.family)
  }
  return (ip) => {
    const found = readAddress(ip?.replace(/%.*$/, '') ?? '')
    return found !== undefined && list.check(found.address, found.family)
  }
}
