import { defineTask } from '../../platform/tasks.ts'
import { drainQueue } from './drain-queue.ts'
import type { SweepDeps } from './sweep-writes.ts'

export const drainQueueTask = defineTask<SweepDeps>({
  name: 'drainQueue',
  everyMs: 2_000,
  run: drainQueue,
})
