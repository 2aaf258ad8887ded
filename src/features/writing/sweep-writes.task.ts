import { defineTask } from '../../platform/tasks.ts'
import { type SweepDeps, sweepWrites } from './sweep-writes.ts'

export const sweepWritesTask = defineTask<SweepDeps>({
  name: 'sweepWrites',
  everyMs: 10_000,
  run: sweepWrites,
})
