/** By the nearest rank; NaN when there are no values. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

/** With one digit, as milliseconds and megabytes are shown. */
export function tenths(value: number): string {
  return value.toFixed(1)
}
