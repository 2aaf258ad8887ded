import { defineTask } from '../../platform/tasks.ts'
import { collectPurged } from './collect-purged.ts'
import type { SweepDeps } from '../writing/sweep-writes.ts'

export const collectPurgedTask = defineTask<SweepDeps>({
  name: 'collectPurged',
  everyMs: 60_000,
  run: collectPurged,
})
