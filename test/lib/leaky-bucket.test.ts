import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createBucket } from '../../src/lib/leaky-bucket.ts'

test('a bucket gives what it holds, and then what comes back', () => {
  let now = 0
  const bucket = createBucket({ points: 100, restorePerSecond: 10 }, () => now)
  expect(bucket.waitFor(100)).toBe(0)
  bucket.take(100)
  expect(bucket.remaining()).toBe(0)
  expect(bucket.waitFor(5)).toBe(500)
  now = 499
  expect(bucket.waitFor(5)).toBe(1)
  now = 500
  expect(bucket.waitFor(5)).toBe(0)
  expect(bucket.waitFor(101)).toBe(Infinity)
  bucket.giveBack(1_000)
  expect(bucket.remaining()).toBe(100)
})

test('no order of charges gets more out of a bucket than it held and what came back', () => {
  const step = fc.record({ wait: fc.nat(2_000), points: fc.integer({ min: 1, max: 150 }) })
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      let now = 0
      let taken = 0
      const bucket = createBucket({ points: 100, restorePerSecond: 10 }, () => now)
      for (const { wait, points } of steps) {
        now += wait
        if (bucket.waitFor(points) > 0) continue
        bucket.take(points)
        taken += points
      }
      expect(taken).toBeLessThanOrEqual(100 + now / 100)
      expect(bucket.remaining()).toBeGreaterThanOrEqual(0)
    }),
  )
})
