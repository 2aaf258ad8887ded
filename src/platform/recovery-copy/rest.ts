/** When what has failed may be asked again. */
export interface Rest {
  /** Until then it is left alone; 0 when it may be asked. */
  leftMs(): number
  /** Whether the last one to ask met a failure. */
  readonly isFailing: boolean
  /**
   * Somebody asks, for `ms` at most; while the last one failed it is a probe, and others are kept away.
   * Returns the round it belongs to.
   */
  begin(ms: number): number
  /** How that ended, and its round. */
  end(isWell: boolean, round: number): void
}

/**
 * Each failure in a row doubles the rest, so that few callers meet a neighbour that never answers. Those
 * that were under way together are one: a blip is not longer for having met many.
 */
export function createRest({ firstMs, longestMs }: { firstMs: number; longestMs: number }): Rest {
  let lengthMs = 0
  let until = 0
  /** A failure begins the next one. */
  let round = 0
  return {
    get isFailing() {
      return lengthMs > 0
    },
    leftMs: () => Math.max(0, until - performance.now()),
    begin(ms) {
      if (lengthMs > 0) until = performance.now() + ms
      return round
    },
    end(isWell, begunIn) {
      if (!isWell && begunIn < round) return
      if (!isWell) round++
      lengthMs = isWell ? 0 : Math.min(longestMs, Math.max(firstMs, lengthMs * 2))
      until = performance.now() + lengthMs
    },
  }
}
