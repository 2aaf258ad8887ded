import { badUserInput } from './bad-user-input.ts'

const escapes = /\\u(0000|\{0+\}|[dD][89a-fA-F])/
const nulInDocument = /\\u(0000|\{0+\})/

/**
 * Refuses text that no store can keep: NUL, which PostgreSQL cannot, and halves of surrogate pairs,
 * which are not UTF-8 (RFC 3629 §3). A body of valid UTF-8 JSON can carry them only as escapes, so
 * all other bodies pass at the price of one scan.
 */
export function refuseUncleanText(
  body: string | undefined,
  params: { query?: unknown; variables?: unknown },
) {
  if (body !== undefined && !escapes.test(body)) return
  const path = uncleanPath(params, [])
  if (path)
    throw badUserInput(`${path.join('.')} contains a NUL character or half a surrogate pair.`)
  if (typeof params.query === 'string' && nulInDocument.test(params.query)) {
    throw badUserInput('query contains a NUL character.')
  }
}

function uncleanPath(value: unknown, path: readonly string[]): readonly string[] | undefined {
  if (typeof value === 'string') return isUnclean(value) ? path : undefined
  if (typeof value !== 'object' || value === null) return undefined
  for (const [key, item] of Object.entries(value)) {
    if (isUnclean(key)) return [...path, '(a key)']
    const found = uncleanPath(item, [...path, key])
    if (found) return found
  }
  return undefined
}

function isUnclean(text: string): boolean {
  return text.includes('\0') || !text.isWellFormed()
}
