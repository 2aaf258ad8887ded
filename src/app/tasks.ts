import type { BackupDeps } from '../features/backup/batch.ts'
import { hurryBackupTask, syncBackupTask } from '../features/backup/sync-backup.task.ts'
import { watchBackupTask } from '../features/backup/watch-backup.task.ts'
import type { ArchiveDeps } from '../features/archives/archive-run.ts'
import { backUpCollectionTask } from '../features/archives/back-up-collection.task.ts'
import { removeExpiredArchivesTask } from '../features/archives/remove-expired-archives.task.ts'
import { ringArchiveRunsTask } from '../features/archives/ring-archive-runs.task.ts'
import { cleanUpJobsTask } from '../features/generation/clean-up-jobs.task.ts'
import { collectPurgedTask } from '../features/editing/collect-purged.task.ts'
import { ringJobsTask } from '../features/drafting/ring-jobs.task.ts'
import { runGenerationJobTask } from '../features/drafting/run-generation-job.task.ts'
import type { GenerationDeps } from '../features/drafting/run-generation-job.ts'
import { drainQueueTask } from '../features/writing/drain-queue.task.ts'
import { expireVersionsTask } from '../features/versions/expire-versions.task.ts'
import { publishDueTask } from '../features/editing/publish-due.task.ts'
import type { PublishDeps } from '../features/editing/publish-due.ts'
import { purgeTrashTask } from '../features/editing/purge-trash.task.ts'
import { ringRestoresTask } from '../features/restoring/ring-restores.task.ts'
import type { RestoreDeps } from '../features/restoring/restore-run.ts'
import { runRestoreJobTask } from '../features/restoring/run-restore-job.task.ts'
import { sweepWritesTask } from '../features/writing/sweep-writes.task.ts'
import { noteStoresTask } from '../features/operations/note-stores.task.ts'
import { watchStoresTask } from '../features/operations/watch-stores.task.ts'
import type { WatchStoresDeps } from '../features/operations/watch-stores.ts'
import { watchRejectionsTask } from '../features/quota/watch-rejections.task.ts'
import { recalculateUsageTask } from '../features/quota/recalculate-usage.task.ts'
import type { Tasks } from '../platform/tasks.ts'

/** Everything a worker runs in the background. */
export const tasks: Tasks<
  PublishDeps & GenerationDeps & ArchiveDeps & BackupDeps & RestoreDeps & WatchStoresDeps
> = {
  periodic: [
    publishDueTask,
    ringJobsTask,
    ringRestoresTask,
    drainQueueTask,
    sweepWritesTask,
    collectPurgedTask,
    purgeTrashTask,
    expireVersionsTask,
    recalculateUsageTask,
    cleanUpJobsTask,
    ringArchiveRunsTask,
    removeExpiredArchivesTask,
    syncBackupTask,
    watchBackupTask,
    noteStoresTask,
    watchStoresTask,
    watchRejectionsTask,
  ],
  queued: [runGenerationJobTask, backUpCollectionTask, hurryBackupTask, runRestoreJobTask],
}
