import { defineTask } from '../../platform/tasks.ts'
import { ringJobs } from './ring-jobs.ts'

export const ringJobsTask = defineTask({ name: 'ringJobs', everyMs: 2_000, run: ringJobs })
