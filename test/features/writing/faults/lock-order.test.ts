import { test } from 'vitest'
import { stressLocks } from './lock-order.ts'

test('writers of all kinds on the same contents never deadlock (3 seconds)', () => stressLocks(3))
