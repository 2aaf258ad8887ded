import { test } from 'vitest'
import { seeEveryEnd } from './watchers.ts'

test('500 watchers see the ends of 50 jobs, whatever breaks', { timeout: 900_000 }, () =>
  seeEveryEnd({ tenants: 5, jobsPerTenant: 10, watchersPerJob: 10, steps: 40, cuts: 20 }),
)
