import { sweepWritesTask } from '../features/content/sweep-writes.task.ts'

/** Everything a worker runs in the background. */
export const tasks = [sweepWritesTask]
