import { test } from 'vitest'
import { killUnderLoad, restartUnderLoad } from './restarts.ts'

test('2 rolling restarts under load lose nothing', { timeout: 180_000 }, () =>
  restartUnderLoad({ restarts: 2, sockets: 40, readers: 8, writers: 4 }),
)

test(
  'who had a request at an instance that is killed succeeds with the next try',
  { timeout: 120_000 },
  killUnderLoad,
)
