/** What came out of several rounds. */
export interface Spread {
  median: number
  min: number
  max: number
}

/** Of the values that are known; undefined without any. */
export function spreadOf(values: readonly (number | undefined)[]): Spread | undefined {
  const sorted = values.filter((value) => value !== undefined).toSorted((a, b) => a - b)
  const [min] = sorted
  const max = sorted.at(-1)
  if (min === undefined || max === undefined) return undefined
  const middle = sorted.length >> 1
  const above = sorted[middle] ?? min
  const below = sorted[sorted.length - 1 - middle] ?? above
  return { median: (below + above) / 2, min, max }
}

/** The median, and in brackets the lowest and the highest. */
export function showSpread(spread: Spread | undefined, digits: number): string {
  if (!spread) return '?'
  const [median, min, max] = [spread.median, spread.min, spread.max].map((n) => n.toFixed(digits))
  return `${median} (${min}–${max})`
}
