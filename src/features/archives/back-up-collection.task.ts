import { defineQueuedTask } from '../../platform/tasks.ts'
import { archiveBell } from './archive-bell.ts'
import type { ArchiveDeps } from './archive-run.ts'
import { backUpCollection } from './back-up-collection.ts'

export const backUpCollectionTask = defineQueuedTask({
  ...archiveBell,
  async run(deps: ArchiveDeps, payload: { tenantId: string; collection: string }) {
    await backUpCollection(deps, payload)
  },
})
