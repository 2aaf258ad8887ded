import { z } from 'zod'

/** The server's clock; tests move it instead of waiting for another day. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number
  moveBy(ms: number): void
}

export function createClock(): Clock {
  let offsetMs = 0
  return {
    now: () => Date.now() + offsetMs,
    moveBy: (ms) => void (offsetMs += ms),
  }
}

const Move = z.strictObject({ moveByMs: z.int() })

/** The clock as the panel shows it. */
export function showClock(clock: Clock) {
  return { now: new Date(clock.now()).toISOString() }
}

/** Takes `{"moveByMs": 86400000}`. */
export function moveClock(clock: Clock, value: unknown) {
  clock.moveBy(Move.parse(value).moveByMs)
  return showClock(clock)
}
