import { z } from 'zod'
import { defineQueuedTask, defineTask } from '../../platform/tasks.ts'
import type { BackupDeps } from './batch.ts'
import { syncBackup } from './sync-backup.ts'

export const syncBackupTask = defineTask<BackupDeps>({
  name: 'syncBackup',
  everyMs: 5_000,
  run: (deps) => syncBackup(deps),
})

/** Rung by whoever does not want to wait. */
export const backupBell = { name: 'hurryBackup', payload: z.object({ tenantId: z.uuid() }) }

export const hurryBackupTask = defineQueuedTask({
  ...backupBell,
  run: (deps: BackupDeps) => syncBackup(deps, { isAsked: true }),
})
