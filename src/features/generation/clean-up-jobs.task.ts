import { defineTask } from '../../platform/tasks.ts'
import { type CleanUpDeps, cleanUpJobs } from './clean-up-jobs.ts'

export const cleanUpJobsTask = defineTask<CleanUpDeps>({
  name: 'cleanUpJobs',
  everyMs: 3_600_000,
  run: cleanUpJobs,
})
