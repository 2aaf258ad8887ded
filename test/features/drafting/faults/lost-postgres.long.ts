import { test } from 'vitest'
import { surviveCuts, surviveRestarts } from './lost-postgres.ts'

test('a job goes on when PostgreSQL ends at once 10 times', { timeout: 600_000 }, () =>
  surviveRestarts({ items: 1_000, times: 10 }),
)

test(
  'a job goes on when the network to PostgreSQL was away for 20 seconds',
  { timeout: 600_000 },
  () => surviveCuts({ items: 300, times: 3 }, 20_000),
)
