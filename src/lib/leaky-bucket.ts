export interface BucketSize {
  /** As many as may be taken at once from a full bucket. */
  points: number
  restorePerSecond: number
}

/** Points that are taken, and come back with time. */
export interface Bucket extends BucketSize {
  remaining(): number
  /** Milliseconds until so many can be taken: 0 now, Infinity never. */
  waitFor(points: number): number
  take(points: number): void
  /** Never above what it holds. */
  giveBack(points: number): void
}

/** A full one; `now` is in milliseconds. */
export function createBucket(size: BucketSize, now = () => performance.now()): Bucket {
  const { points: capacity, restorePerSecond } = size
  let level = capacity
  let asOf = now()
  const fill = (points: number) => {
    level = Math.min(capacity, level + points)
  }
  const remaining = () => {
    const time = now()
    fill(((time - asOf) / 1_000) * restorePerSecond)
    asOf = time
    return level
  }
  return {
    ...size,
    remaining,
    waitFor(points) {
      if (points > capacity) return Infinity
      const missing = points - remaining()
      return missing <= 0 ? 0 : Math.ceil((missing / restorePerSecond) * 1_000)
    },
    take(points) {
      level = remaining() - points
    },
    giveBack: fill,
  }
}
