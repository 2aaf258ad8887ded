import { test } from 'vitest'
import { restartUnderLoad } from './restarts.ts'

test('20 rolling restarts under load with 500 sockets lose nothing', { timeout: 1_200_000 }, () =>
  restartUnderLoad({ restarts: 20, sockets: 500, readers: 12, writers: 2 }),
)
