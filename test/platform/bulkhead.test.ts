import { expect, test } from 'vitest'
import { createBulkhead } from '../../src/platform/recovery-copy/bulkhead.ts'

const never = new AbortController().signal
const full = new Error('full')

/** Work that ends when it is told to, and knows when it began. */
function createWork() {
  const begun: { at: number; end: () => void }[] = []
  const work = () =>
    new Promise<void>((end) => {
      begun.push({ at: performance.now(), end })
    })
  return { begun, work }
}

test('so many are under way at a time', async () => {
  const { begun, work } = createWork()
  const bulkhead = createBulkhead({
    maxInFlight: 4,
    maxPerSecond: 100,
    maxWaiting: 100,
    refuse: () => full,
  })
  const runs = Array.from({ length: 10 }, () => bulkhead.run(never, work))
  for (let ended = 0; ended < 10; ended++) {
    await expect.poll(() => begun.length).toBe(Math.min(10, ended + 4))
    begun[ended]?.end()
    await runs[ended]
  }
})

test('so many begin within any second, and in their order', async () => {
  const bulkhead = createBulkhead({
    maxInFlight: 4,
    maxPerSecond: 2,
    maxWaiting: 100,
    refuse: () => full,
  })
  const begun: { index: number; at: number }[] = []
  await Promise.all(
    Array.from({ length: 6 }, (_, index) =>
      bulkhead.run(never, async () => {
        begun.push({ index, at: performance.now() })
      }),
    ),
  )

  expect(begun.map(({ index }) => index)).toEqual([0, 1, 2, 3, 4, 5])
  const toThird = begun.slice(2).map(({ at }, index) => at - (begun[index]?.at ?? 0))
  expect(toThird).toHaveLength(4)
  expect(Math.min(...toThird)).toBeGreaterThanOrEqual(1_000)
})

test('who comes when the queue is full is told at once; who leaves frees a place', async () => {
  const { begun, work } = createWork()
  const options = { maxInFlight: 1, maxPerSecond: 100, maxWaiting: 1, refuse: () => full }
  const bulkhead = createBulkhead(options)
  const first = bulkhead.run(never, work)
  const leaving = new AbortController()
  const second = bulkhead.run(leaving.signal, work)
  await expect(bulkhead.run(never, work)).rejects.toBe(full)

  leaving.abort()
  await expect(second).rejects.toBe(leaving.signal.reason)
  const third = bulkhead.run(never, work)
  begun[0]?.end()
  await first
  await expect.poll(() => begun.length).toBe(2)
  begun[1]?.end()
  await third
})

test('work that fails leaves its place, too', async () => {
  const options = { maxInFlight: 1, maxPerSecond: 100, maxWaiting: 1, refuse: () => full }
  const bulkhead = createBulkhead(options)
  await expect(bulkhead.run(never, () => Promise.reject(full))).rejects.toBe(full)
  expect(await bulkhead.run(never, () => Promise.resolve('done'))).toBe('done')
})
