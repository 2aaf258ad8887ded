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
import { sweepWritesTask } from '../features/writing/sweep-writes.task.ts'
import { recalculateUsageTask } from '../features/quota/recalculate-usage.task.ts'
import type { Tasks } from '../platform/tasks.ts'

/** Everything a worker runs in the background. */
export const tasks: Tasks<PublishDeps & GenerationDeps> = {
  periodic: [
    publishDueTask,
    ringJobsTask,
    drainQueueTask,
    sweepWritesTask,
    collectPurgedTask,
    purgeTrashTask,
    expireVersionsTask,
    recalculateUsageTask,
    cleanUpJobsTask,
  ],
  queued: [runGenerationJobTask],
}
