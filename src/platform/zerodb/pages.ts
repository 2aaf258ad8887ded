import { malformed, type Page, type Row } from './answers.ts'

/**
 * Follows a list to its end: until the server says so, or, when it says nothing, to an empty page,
 * because a short one may only mean a lower limit. A row that slipped into the next page comes once.
 */
export async function* followPages(
  fetchPage: (skip: number) => Promise<Page<Row>>,
): AsyncGenerator<Row[], void> {
  let previous = new Set<string>()
  for (let skip = 0; ;) {
    const { items, hasMore } = await fetchPage(skip)
    const fresh = items.filter(({ rowId }) => !previous.has(rowId))
    const stuck = items.length > 0 && fresh.length === 0
    if (stuck) throw malformed('answers two pages with the same rows')
    yield fresh
    if (hasMore === false || items.length === 0) return
    previous = new Set(items.map(({ rowId }) => rowId))
    skip += items.length
  }
}
