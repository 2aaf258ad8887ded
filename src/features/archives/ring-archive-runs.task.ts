import { defineTask } from '../../platform/tasks.ts'
import { ringArchiveRuns } from './ring-archive-runs.ts'

export const ringArchiveRunsTask = defineTask({
  name: 'ringArchiveRuns',
  everyMs: 30_000,
  run: ringArchiveRuns,
})
