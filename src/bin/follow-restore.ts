import { setTimeout as wait } from 'node:timers/promises'
import type { RestoreJob } from '../features/restoring/restore-job.entity.ts'
import { loadRestoreJobs } from '../features/restoring/restore-job.loaders.ts'
import { runRestoreJob } from '../features/restoring/run-restore-job.ts'
import { StartupError } from '../lib/errors.ts'
import type { Services } from '../platform/services.ts'
import { showProgress } from './progress.ts'

async function load({ database }: Services, tenantId: string, id: string): Promise<RestoreJob> {
  const [job] = await loadRestoreJobs({ reads: database.reads.forTenant(tenantId), tenantId }, [id])
  if (!job) throw new StartupError([`The restore ${id} is gone.`])
  return job
}

const pollMs = 500

/** Works on the restore, or watches whoever does, until it is over or this process is to stop. */
export async function followRestore(
  services: Services,
  { tenantId, jobId }: { tenantId: string; jobId: string },
  signal: AbortSignal,
): Promise<RestoreJob> {
  let job = await load(services, tenantId, jobId)
  const lookAgain = async () => void (job = await load(services, tenantId, jobId))
  using _progress = showProgress('versions looked at', () => ({
    done: job.progress,
    total: job.targetCount,
  }))
  const timer = setInterval(() => void lookAgain().catch(() => {}), pollMs)
  try {
    while (!job.completedAt && !signal.aborted) {
      await runRestoreJob({ ...services, signal }, { tenantId, jobId })
      await lookAgain()
      // A worker has it: when that one dies, it is ours.
      if (!job.completedAt) await wait(pollMs, undefined, { signal }).catch(() => {})
    }
    return job
  } finally {
    clearInterval(timer)
  }
}
