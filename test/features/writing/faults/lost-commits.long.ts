import { test } from 'vitest'
import { surviveLostCommits } from './lost-commits.ts'

test(
  'writes whose commits or their answers are lost happen once, and a repeat gets the result (500 writes)',
  { timeout: 600_000 },
  () => surviveLostCommits(500),
)
