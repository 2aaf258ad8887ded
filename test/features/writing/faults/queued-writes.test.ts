import { test } from 'vitest'
import { surviveOutageWithQueue } from './queued-writes.ts'

test('what was queued while ZeroDB was down is there once it is back (200 contents)', () =>
  surviveOutageWithQueue(200))
