import { expect, test } from 'vitest'
import { isDue, maxBatchEvents } from '../../../src/features/backup/batch-policy.ts'
import { seededRandom } from '../../../src/local/faults.ts'

interface Day {
  /** Writes a second. */
  rate: number
  bytesEach?: number
  /** Share of the load jobs that fail and are tried again at the next look. */
  failing?: number
  isAsked?: boolean
}

const lookSeconds = 5
const daySeconds = 86_400

/** A day of the relay by a clock of its own: how many load jobs, and how old the oldest change ever was. */
function simulate({ rate, bytesEach = 5_000, failing = 0, isAsked = false }: Day) {
  const random = seededRandom(1)
  const jobs: number[] = []
  let waiting = 0
  let oldest = 0
  let madeAt = -Infinity
  let isOpen = false
  let longestWait = 0
  for (let now = 0; now < daySeconds; now += lookSeconds) {
    if (waiting === 0 && rate > 0) oldest = now
    waiting += rate * lookSeconds
    const state = {
      events: Math.min(Math.floor(waiting), maxBatchEvents),
      bytes: Math.min(Math.floor(waiting), maxBatchEvents) * bytesEach,
      oldestSeconds: now - oldest,
      jobsToday: jobs.length,
      gapSeconds: now - madeAt,
    }
    if (!isOpen && !isDue(state, { intervalMinutes: 15, isAsked })) continue
    if (!isOpen) madeAt = now
    jobs.push(now)
    isOpen = random() < failing
    if (isOpen) continue
    longestWait = Math.max(longestWait, now - oldest)
    const left = Math.max(0, waiting - maxBatchEvents)
    oldest = left === 0 ? now : now - left / rate
    waiting = left
  }
  return { jobs: jobs.length, longestWait }
}

test('a day of 100 writes a second, a tenth of the load jobs failing, takes at most 1,000 jobs', () => {
  const { jobs, longestWait } = simulate({ rate: 100, failing: 0.1 })
  expect(jobs).toBeGreaterThan(700)
  expect(jobs).toBeLessThanOrEqual(1_000)
  expect(longestWait).toBeLessThanOrEqual(180)
})

test('a quiet day waits for two minutes at a time', () => {
  const { jobs, longestWait } = simulate({ rate: 0.5 })
  expect(jobs).toBeLessThanOrEqual(720)
  expect(longestWait).toBeLessThanOrEqual(125)
})

test('whoever asks all the time does not use up the jobs of the day', () => {
  const { jobs, longestWait } = simulate({ rate: 1, isAsked: true })
  expect(jobs).toBeLessThanOrEqual(1_050)
  expect(longestWait).toBeLessThanOrEqual(15 * 60 + lookSeconds)
})

test('what is full leaves at once, whatever the day has cost', () => {
  const full = {
    events: maxBatchEvents,
    bytes: 1,
    oldestSeconds: 1,
    gapSeconds: 1,
    jobsToday: 1_400,
  }
  expect(isDue(full, { intervalMinutes: 15, isAsked: false })).toBe(true)
  expect(isDue({ ...full, events: 9_999 }, { intervalMinutes: 15, isAsked: true })).toBe(false)
  const heavy = { ...full, events: 20, bytes: 64 * 1024 ** 2 }
  expect(isDue(heavy, { intervalMinutes: 15, isAsked: false })).toBe(true)
})

test('nothing leaves when nothing waits, and a shorter interval is kept', () => {
  const some = { events: 1, bytes: 1, oldestSeconds: 61, gapSeconds: 61, jobsToday: 0 }
  expect(isDue(some, { intervalMinutes: 1, isAsked: false })).toBe(true)
  expect(isDue(some, { intervalMinutes: 15, isAsked: false })).toBe(false)
  expect(isDue(some, { intervalMinutes: 15, isAsked: true })).toBe(true)
  expect(isDue({ ...some, events: 0 }, { intervalMinutes: 1, isAsked: true })).toBe(false)
})
