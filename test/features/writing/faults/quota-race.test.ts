import { test } from 'vitest'
import { raceForQuota } from './quota-race.ts'

test('30 clients and room for 150: 150 are granted, and never one more is promised', () =>
  raceForQuota({ clients: 30, grants: 150 }))
