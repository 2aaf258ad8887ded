import { defineTask } from '../../platform/tasks.ts'
import { recalculateAllUsage } from './recalculate-usage.ts'

export const recalculateUsageTask = defineTask<Parameters<typeof recalculateAllUsage>[0]>({
  name: 'recalculateUsage',
  everyMs: 3_600_000,
  run: recalculateAllUsage,
})
