import { test } from 'vitest'
import { surviveOutageWithQueue } from './queued-writes.ts'

test(
  'what was queued while ZeroDB was down is there once it is back (10,000 contents)',
  { timeout: 600_000 },
  () => surviveOutageWithQueue(10_000),
)
