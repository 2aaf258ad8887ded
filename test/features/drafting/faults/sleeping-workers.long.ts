import { test } from 'vitest'
import { surviveSleeps } from './sleeping-workers.ts'

test('workers that sleep for 30 seconds, 20 times, do nothing twice', { timeout: 1_200_000 }, () =>
  surviveSleeps({ sleeps: 20, sleepMs: 30_000 }),
)
