import { randomFillSync } from 'node:crypto'

const random = Buffer.alloc(10 * 256)
let used = random.length

/** A UUIDv7 (RFC 9562 §5.7): the first 48 bits are milliseconds, so ids sort by time of creation. */
export function newId(): string {
  if (used === random.length) {
    randomFillSync(random)
    used = 0
  }
  const time = Date.now().toString(16).padStart(12, '0')
  const tail = random.toString('hex', used, (used += 10))
  const variant = (8 + (Number.parseInt(tail.charAt(3), 16) & 3)).toString(16)
  return `${time.slice(0, 8)}-${time.slice(8)}-7${tail.slice(0, 3)}-${variant}${tail.slice(4, 7)}-${tail.slice(7, 19)}`
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

/** Canonical lower-case UUID text, of any version. */
export function isUuid(text: string): boolean {
  return uuid.test(text)
}
