export interface NestingLimits {
  /** Objects and lists inside one another. */
  depth: number
  /** Entries of one list. */
  items: number
  /** Entries of all objects and lists together. */
  entries: number
}

/** Whether a JSON value keeps to the limits; goes level by level, so that no depth can hurt it. */
export function isWithin(value: unknown, limits: NestingLimits): boolean {
  let entries = 0
  let level = [value].filter(isNested)
  for (let depth = 1; level.length > 0; depth++) {
    if (depth > limits.depth) return false
    const deeper: object[] = []
    for (const outer of level) {
      const inner: readonly unknown[] = Object.values(outer)
      entries += inner.length
      if (entries > limits.entries) return false
      if (Array.isArray(outer) && outer.length > limits.items) return false
      for (const entry of inner) if (isNested(entry)) deeper.push(entry)
    }
    level = deeper
  }
  return true
}

function isNested(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}
