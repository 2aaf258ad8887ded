import { defineTask } from '../../platform/tasks.ts'
import type { BackupDeps } from './batch.ts'
import { watchBackup } from './watch-backup.ts'

export const watchBackupTask = defineTask<BackupDeps>({
  name: 'watchBackup',
  everyMs: 60_000,
  run: watchBackup,
})
