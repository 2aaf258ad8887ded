/** What was longer ago says little about now. */
const windowMs = 1_000
/** The longest time that one who begins may count for: a stall that is over must not be held against what follows. */
const maxGapMs = 500

/** How fast those who wait have begun lately. */
export interface Pace {
  /** Somebody begins to wait; nobody did before. */
  resume(now: number): void
  /** Somebody who waited begins. */
  note(now: number): void
  /** Milliseconds from one to the next; 0 when it is not known yet. */
  ms(): number
}

export function createPace(): Pace {
  let last = 0
  let spentMs = 0
  let begun = 0
  return {
    resume(now) {
      last = now
    },
    note(now) {
      const gapMs = Math.min(now - last, maxGapMs)
      const kept = Math.exp(-gapMs / windowMs)
      last = now
      spentMs = spentMs * kept + gapMs
      begun = begun * kept + 1
    },
    ms: () => (begun === 0 ? 0 : spentMs / begun),
  }
}
