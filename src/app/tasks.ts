import { collectPurgedTask } from '../features/editing/collect-purged.task.ts'
import { drainQueueTask } from '../features/writing/drain-queue.task.ts'
import { expireVersionsTask } from '../features/versions/expire-versions.task.ts'
import { publishDueTask } from '../features/editing/publish-due.task.ts'
import type { PublishDeps } from '../features/editing/publish-due.ts'
import { purgeTrashTask } from '../features/editing/purge-trash.task.ts'
import { sweepWritesTask } from '../features/writing/sweep-writes.task.ts'
import { recalculateUsageTask } from '../features/quota/recalculate-usage.task.ts'
import type { Task } from '../platform/tasks.ts'

/** Everything a worker runs in the background. */
export const tasks: readonly Task<PublishDeps>[] = [
  publishDueTask,
  drainQueueTask,
  sweepWritesTask,
  collectPurgedTask,
  purgeTrashTask,
  expireVersionsTask,
  recalculateUsageTask,
]
