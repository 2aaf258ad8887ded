import { malformed, type Page } from './answers.ts'

/**
 * Follows a list to its end: until the server says so, or, when it says nothing, to an empty page,
 * because a short one may only mean a lower limit. An item that slipped into the next page comes once.
 */
export async function* followPages<T>(
  fetchPage: (skip: number) => Promise<Page<T>>,
  idOf: (item: T) => string,
): AsyncGenerator<T[], void> {
  let previous = new Set<string>()
  for (let skip = 0; ;) {
    const { items, hasMore } = await fetchPage(skip)
    const fresh = items.filter((item) => !previous.has(idOf(item)))
    const stuck = items.length > 0 && fresh.length === 0
    if (stuck) throw malformed('answers two pages with the same items')
    yield fresh
    if (hasMore === false || items.length === 0) return
    previous = new Set(items.map(idOf))
    skip += items.length
  }
}
