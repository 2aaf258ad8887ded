/** A cursor that this list did not make, or made under another order. */
export class InvalidCursorError extends Error {
  override readonly name = 'InvalidCursorError'

  constructor() {
    super(
      'This cursor does not belong to this list. Pass cursors as the API returned them, with the same orderBy.',
    )
  }
}

/** Longer than any cursor made here: a title of 500 characters in four-byte UTF-8, and ids. */
const maxLength = 4_000

/** Opaque text for a place in a list: what it is ordered by, and the values there. */
export function encodeCursor(order: string, values: readonly (string | null)[]): string {
  return Buffer.from(JSON.stringify([order, ...values])).toString('base64url')
}

/** The values at `cursor`; throws InvalidCursorError unless it was made for the same order. */
export function decodeCursor(cursor: string, order: string, count: number): (string | null)[] {
  const decoded = parse(cursor)
  if (!Array.isArray(decoded)) throw new InvalidCursorError()
  const [madeFor, ...values]: unknown[] = decoded
  if (madeFor !== order || values.length !== count) throw new InvalidCursorError()
  return values.map((value) => {
    if (value === null) return value
    // No value of a row contains NUL: PostgreSQL cannot keep it.
    if (typeof value === 'string' && !value.includes('\0')) return value
    throw new InvalidCursorError()
  })
}

function parse(cursor: string): unknown {
  if (cursor.length > maxLength) throw new InvalidCursorError()
  try {
    return JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'))
  } catch {
    throw new InvalidCursorError()
  }
}
