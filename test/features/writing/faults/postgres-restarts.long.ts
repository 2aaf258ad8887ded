import { test } from 'vitest'
import { survivePostgresRestarts } from './postgres-restarts.ts'

test(
  'what was acknowledged survives PostgreSQL ending at once (10 times)',
  { timeout: 600_000 },
  () => survivePostgresRestarts(10),
)
