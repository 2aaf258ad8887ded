import { test } from 'vitest'
import { surviveKills } from './killed-servers.ts'

test('what was acknowledged survives 3 kills of the server', { timeout: 60_000 }, () =>
  surviveKills({ kills: 3, everyMs: 1_000, writesPerSecond: 50 }),
)
