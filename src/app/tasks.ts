import { collectPurgedTask } from '../features/content/collect-purged.task.ts'
import { drainQueueTask } from '../features/content/drain-queue.task.ts'
import { expireVersionsTask } from '../features/content/expire-versions.task.ts'
import { publishDueTask } from '../features/content/publish-due.task.ts'
import type { PublishDeps } from '../features/content/publish-due.ts'
import { purgeTrashTask } from '../features/content/purge-trash.task.ts'
import { sweepWritesTask } from '../features/content/sweep-writes.task.ts'
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
