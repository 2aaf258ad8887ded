/** When what has failed may be asked again. */
export interface Rest {
  /** Until then it is left alone; 0 when it may be asked. */
  leftMs(): number
  /** Whether the last one to ask met a failure. */
  readonly isFailing: boolean
  /** Somebody asks, for `ms` at most; while the last one failed it is a probe, and others are kept away. */
  begin(ms: number): void
  /** How that ended. */
  end(isWell: boolean): void
}

/** Each failure in a row doubles the rest, so that few callers meet a neighbour that never answers. */
export function createRest({ firstMs, longestMs }: { firstMs: number; longestMs: number }): Rest {
  let lengthMs = 0
  let until = 0
  return {
    get isFailing() {
      return lengthMs > 0
    },
    leftMs: () => Math.max(0, until - performance.now()),
    begin(ms) {
      if (lengthMs > 0) until = performance.now() + ms
    },
    end(isWell) {
      lengthMs = isWell ? 0 : Math.min(longestMs, Math.max(firstMs, lengthMs * 2))
      until = performance.now() + lengthMs
    },
  }
}
