import { test } from 'vitest'
import { walkThroughQuota } from './quota-walk.ts'

test(
  'usage is what a model says after every step of 1,000 random walks',
  { timeout: 3_600_000 },
  () => walkThroughQuota({ runs: 1_000, steps: 100 }),
)
