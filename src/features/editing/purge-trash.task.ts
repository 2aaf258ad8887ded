import { defineTask } from '../../platform/tasks.ts'
import { purgeTrash } from './purge-trash.ts'
import type { SweepDeps } from '../writing/sweep-writes.ts'

export const purgeTrashTask = defineTask<SweepDeps>({
  name: 'purgeTrash',
  everyMs: 3_600_000,
  run: purgeTrash,
})
