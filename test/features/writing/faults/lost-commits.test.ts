import { test } from 'vitest'
import { surviveLostCommits } from './lost-commits.ts'

test('writes whose commits or their answers are lost happen once, and a repeat gets the result (40 writes)', () =>
  surviveLostCommits(40))
