import { defineQueuedTask } from '../../platform/tasks.ts'
import { generationBell } from '../generation/generation-bell.ts'
import { runGenerationJob } from './run-generation-job.ts'

export const runGenerationJobTask = defineQueuedTask({
  ...generationBell,
  run: runGenerationJob,
})
