import { test } from 'vitest'
import { expectPatience } from './throttled-jobs.ts'

test(
  'a provider that wants no calls for a minute is waited for',
  { timeout: 240_000 },
  async () => {
    await expectPatience({ items: 100, after: 30, refusals: 30, retryAfterSeconds: 2 })
  },
)
