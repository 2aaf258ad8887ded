import { test } from 'vitest'
import { surviveKills } from './killed-servers.ts'

test(
  'what was acknowledged survives 30 kills of the server in 5 minutes',
  { timeout: 900_000 },
  () => surviveKills({ kills: 30, everyMs: 8_500, writesPerSecond: 100 }),
)
