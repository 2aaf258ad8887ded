import { test } from 'vitest'
import { survivePostgresRestarts } from './postgres-restarts.ts'

test(
  'what was acknowledged survives PostgreSQL ending at once (2 times)',
  { timeout: 60_000 },
  () => survivePostgresRestarts(2),
)
