import type { z } from 'zod'
import type { Database } from '../../platform/postgres/database.ts'
import { enqueue } from '../../platform/tasks.ts'

interface JobPlace {
  tenantId: string
  jobId: string
}

/** In one pass; the others are found by the next. */
const maxJobs = 500

/**
 * Rings again for jobs that nobody has in hand, which `table` and `isUnfinished` say: their bell was lost,
 * or their worker has died. Safe to run anywhere, any time: a bell too many finds nothing to do.
 */
export async function ringForgotten(
  { database, signal }: { database: Database; signal: AbortSignal },
  { table, isUnfinished }: { table: string; isUnfinished: string },
  bell: { name: string; payload: z.ZodType<JobPlace> },
): Promise<void> {
  const jobs = await database.reads.asSystem().rows<JobPlace>(
    `select tenant_id as "tenantId", id as "jobId" from ${table}
     where ${isUnfinished} and lease_expires_at < now() order by id limit $1`,
    [maxJobs],
  )
  for (const job of jobs) {
    signal.throwIfAborted()
    await database.transaction(job.tenantId, (tx) => enqueue(tx, bell, job, { key: job.jobId }))
  }
}
