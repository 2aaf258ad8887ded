import { once } from 'node:events'
import { z } from 'zod'
import { createLog } from '../../src/platform/log.ts'
import { defineQueuedTask, startTasks } from '../../src/platform/tasks.ts'

const [databaseUrl = ''] = process.argv.slice(2)

/** Tells what it was rung for and never ends. */
const task = defineQueuedTask({
  name: 'probe',
  payload: z.object({ jobId: z.uuid() }),
  run: async ({ signal }: { signal: AbortSignal }, { jobId }) => {
    process.send?.(jobId)
    await once(signal, 'abort')
  },
})

await using _worker = await startTasks<{ signal: AbortSignal }>(
  { periodic: [], queued: [task] },
  { log: createLog('error'), databaseUrl },
)
await once(process, 'disconnect')
