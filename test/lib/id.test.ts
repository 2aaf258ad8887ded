import { expect, test } from 'vitest'
import { isUuid, newId } from '../../src/lib/id.ts'

test('ids are unique version-7 UUIDs that sort in the order they were made', () => {
  const ids = Array.from({ length: 50_000 }, newId)
  expect(ids.every((id) => isUuid(id) && /^.{14}7.{4}[89ab]/.test(id))).toBe(true)
  expect(new Set(ids).size).toBe(ids.length)
  expect(ids.toSorted()).toEqual(ids)
})

test('an id begins with the time it was made', () => {
  const before = Date.now()
  const time = Number.parseInt(newId().replace('-', '').slice(0, 12), 16)
  // A process that makes more than 4,096 ids a millisecond borrows from the next ones.
  expect(time).toBeGreaterThanOrEqual(before)
  expect(time).toBeLessThanOrEqual(Date.now() + 50)
})
