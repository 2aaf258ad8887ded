import { expect, test, vi } from 'vitest'
import { Bell } from '../../src/lib/bell.ts'

/** Longer than any test. */
const never = 1_000_000

/** Whether it has settled by the end of this turn. */
async function hasSettled(promise: Promise<void>): Promise<boolean> {
  let settled = false
  void promise.then(() => (settled = true))
  await new Promise(setImmediate)
  return settled
}

test('who waits is woken by the next ring', async () => {
  const bell = new Bell()
  const waiting = bell.wait(never)
  expect(await hasSettled(waiting)).toBe(false)
  bell.ring()
  await waiting
})

test('a ring that nobody waits for is kept for the next, and only once', async () => {
  const bell = new Bell()
  bell.ring()
  bell.ring()
  await bell.wait(never)
  const waiting = bell.wait(never)
  expect(await hasSettled(waiting)).toBe(false)
  bell.ring()
  await waiting
})

test('a ring between two waits is not missed', async () => {
  const bell = new Bell()
  const first = bell.wait(never)
  bell.ring()
  await first
  // While whoever was woken looks at what there is to do.
  bell.ring()
  await bell.wait(never)
})

test('without a ring it looks again after a while', async () => {
  await new Bell().wait(1)
})

test('a wait that ends leaves no timer behind', async () => {
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
  const before = timers()
  const bell = new Bell()
  const waiting = bell.wait(never)
  expect(timers()).toBe(before + 1)
  bell.ring()
  await waiting
  await vi.waitFor(() => expect(timers()).toBeLessThanOrEqual(before))
})
