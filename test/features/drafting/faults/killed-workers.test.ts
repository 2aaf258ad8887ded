import { test } from 'vitest'
import { surviveKills } from './killed-workers.ts'

test(
  'a job of 100 items makes each of them once, though its workers are killed 5 times',
  { timeout: 60_000 },
  () => surviveKills({ items: 100, atWork: 1, atRandom: 4 }),
)
