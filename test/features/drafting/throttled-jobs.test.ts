import { test } from 'vitest'
import { expectPatience } from './throttled-jobs.ts'

test.for([
  ['from the first call on', 0],
  ['in the midst of a job', 20],
] as const)(
  'a provider that wants no calls %s is asked once a second',
  { timeout: 60_000 },
  async ([, after]) => {
    await expectPatience({ items: 40, after, refusals: 6, retryAfterSeconds: 1 })
  },
)
