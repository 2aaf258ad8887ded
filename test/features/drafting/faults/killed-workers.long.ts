import { test } from 'vitest'
import { surviveKills } from './killed-workers.ts'

test(
  'a job of 1,000 items makes each of them once, though its workers are killed 50 times',
  { timeout: 300_000 },
  () => surviveKills({ items: 1_000, atWork: 0, atRandom: 50 }),
)

test('the same when every kill hits a worker with calls under way', { timeout: 900_000 }, () =>
  surviveKills({ items: 1_000, atWork: 50, atRandom: 0 }),
)
