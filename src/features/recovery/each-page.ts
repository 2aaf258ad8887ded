/** Rows in memory at a time. */
export const pageSize = 500

/** Less than every id. */
export const beforeAllIds = '00000000-0000-0000-0000-000000000000'

/** A list read to its end by keyset: `fetch` answers at most `pageSize` rows that follow `last`. */
export async function* eachPage<Row>(
  fetch: (last: Row | undefined) => Promise<Row[]>,
): AsyncGenerator<Row[], void> {
  for (let last: Row | undefined; ;) {
    const page = await fetch(last)
    if (page.length > 0) yield page
    if (page.length < pageSize) return
    last = page.at(-1)
  }
}
