import { test } from 'vitest'
import { surviveFlakyZeroDb } from './flaky-zerodb.ts'

test(
  'writes happen once while a fifth of the calls to ZeroDB fail (2,000 writes)',
  { timeout: 600_000 },
  () => surviveFlakyZeroDb(2_000),
)
