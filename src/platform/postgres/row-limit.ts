/** What people ask for, and one row more to know whether others follow. */
const steps = [2, 6, 11, 21, 26, 51, 101]

/**
 * How many rows a statement fetches for a page of this size: one more at least. It is written into the
 * text, so that PostgreSQL, which knows it then, plans once for all values of the parameters; only a few
 * numbers are, so that there are only a few texts.
 */
export function rowLimit(pageSize: number): number {
  return steps.find((step) => step > pageSize) ?? pageSize + 1
}
