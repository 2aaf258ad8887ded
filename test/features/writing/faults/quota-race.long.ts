import { test } from 'vitest'
import { raceForQuota } from './quota-race.ts'

test(
  '100 clients and room for 1,000: 1,000 are granted, and never one more is promised',
  { timeout: 300_000 },
  () => raceForQuota({ clients: 100, grants: 1_000 }),
)
