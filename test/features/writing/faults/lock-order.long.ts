import { test } from 'vitest'
import { stressLocks } from './lock-order.ts'

test(
  'writers of all kinds on the same contents never deadlock (2 minutes)',
  { timeout: 300_000 },
  () => stressLocks(120),
)
