import { test } from 'vitest'
import { surviveFlakyZeroDb } from './flaky-zerodb.ts'

test('writes happen once while a fifth of the calls to ZeroDB fail (100 writes)', () =>
  surviveFlakyZeroDb(100))
