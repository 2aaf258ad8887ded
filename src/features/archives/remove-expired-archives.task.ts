import { defineTask } from '../../platform/tasks.ts'
import type { ArchiveDeps } from './archive-run.ts'
import { removeExpiredArchives } from './remove-expired-archives.ts'

export const removeExpiredArchivesTask = defineTask<ArchiveDeps>({
  name: 'removeExpiredArchives',
  everyMs: 3_600_000,
  run: removeExpiredArchives,
})
