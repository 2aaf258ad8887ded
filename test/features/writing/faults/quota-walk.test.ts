import { test } from 'vitest'
import { walkThroughQuota } from './quota-walk.ts'

test('usage is what a model says after every step of 8 random walks', () =>
  walkThroughQuota({ runs: 8, steps: 30 }))
