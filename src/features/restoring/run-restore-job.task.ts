import { defineQueuedTask } from '../../platform/tasks.ts'
import { restoreBell } from './restore-bell.ts'
import { runRestoreJob } from './run-restore-job.ts'

export const runRestoreJobTask = defineQueuedTask({ ...restoreBell, run: runRestoreJob })
