import { randomFillSync } from 'node:crypto'

const random = Buffer.alloc(10 * 256)
let used = random.length
let lastMs = 0
let sequence = 0

/**
 * A UUIDv7 (RFC 9562 §5.7): milliseconds, then a 12-bit counter (§6.2, method 1), then random bits.
 * Ids of one process sort in the order they were made.
 */
export function newId(): string {
  const tail = nextRandom()
  const now = Date.now()
  if (now > lastMs) {
    lastMs = now
    // Starts in the lower half, so that a busy millisecond has room to count.
    sequence = Number.parseInt(tail.slice(0, 3), 16) & 0x7ff
  } else if (++sequence > 0xfff) {
    lastMs++
    sequence = 0
  }
  const time = lastMs.toString(16).padStart(12, '0')
  const counter = sequence.toString(16).padStart(3, '0')
  const variant = (8 + (Number.parseInt(tail.charAt(3), 16) & 3)).toString(16)
  return `${time.slice(0, 8)}-${time.slice(8)}-7${counter}-${variant}${tail.slice(4, 7)}-${tail.slice(7, 19)}`
}

function nextRandom(): string {
  if (used === random.length) {
    randomFillSync(random)
    used = 0
  }
  return random.toString('hex', used, (used += 10))
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

/** Canonical lower-case UUID text, of any version. */
export function isUuid(text: string): boolean {
  return uuid.test(text)
}
