import { test } from 'vitest'
import { surviveRestarts } from './lost-postgres.ts'

test('a job goes on when PostgreSQL has ended at once and is back', { timeout: 60_000 }, () =>
  surviveRestarts({ items: 60, times: 1 }),
)
