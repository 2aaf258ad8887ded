/** The middle one of these numbers. */
export function medianOf(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN
}

/**
 * How likely two samples differ as much as these if they come from one distribution: the two-sample
 * Kolmogorov–Smirnov test with the asymptotic formula, good from some dozens of numbers.
 */
export function likenessOf(one: readonly number[], other: readonly number[]): number {
  const size = Math.sqrt((one.length * other.length) / (one.length + other.length))
  const lambda = (size + 0.12 + 0.11 / size) * largestGap(one, other)
  let sum = 0
  for (let k = 1; k <= 100; k++) sum += (k % 2 ? 2 : -2) * Math.exp(-2 * (k * lambda) ** 2)
  // For hardly any gap the series does not end.
  return lambda < 0.2 ? 1 : Math.min(1, Math.max(0, sum))
}

/** Between the shares of both that are not above a number, wherever that is most. */
function largestGap(one: readonly number[], other: readonly number[]): number {
  const steps = [
    ...one.map((number) => ({ number, step: 1 / one.length })),
    ...other.map((number) => ({ number, step: -1 / other.length })),
  ].toSorted((a, b) => a.number - b.number)
  let gap = 0
  let largest = 0
  steps.forEach(({ number, step }, index) => {
    gap += step
    // Equal numbers are passed together.
    if (steps[index + 1]?.number !== number) largest = Math.max(largest, Math.abs(gap))
  })
  return largest
}
