import type { EntityManager } from '@mikro-orm/postgresql'
import { ValidationError } from '../../lib/errors.ts'
import type { Origin, Viewer } from '../../lib/viewer.ts'
import { enqueue } from '../../platform/tasks.ts'
import { recordAudit } from '../tenancy/record-audit.ts'
import { announceJob } from '../generation/announce-job.ts'
import type { ChosenKey } from './choose-key.ts'
import { isOver } from '../generation/generation-job.entity.ts'
import { admitJob, waitForOthers } from './limit-jobs.ts'
import type { JobRef } from '../generation/generation-job.errors.ts'
import { lockJob } from './lock-job.ts'
import { generationBell } from '../generation/generation-bell.ts'

/**
 * Makes the items of which nothing came pending again, and the job with them. Throws NotFoundError,
 * ValidationError, ConcurrencyLimitError, GenerationLimitError.
 */
export async function reopenJob(
  tx: EntityManager,
  { tenantId, viewer, origin }: { tenantId: string; viewer: Viewer; origin: Origin },
  ref: JobRef,
  key: ChosenKey,
): Promise<void> {
  await waitForOthers(tx, tenantId)
  const { id } = ref
  const job = await lockJob(tx, viewer, ref)
  const { status, unmade } = job
  if (!isOver(job)) {
    throw refused(
      'NOT_OVER',
      `is ${status.toUpperCase()} and goes on by itself; wait, or cancel it`,
    )
  }
  if (unmade === 0) throw refused('NOTHING_TO_RETRY', 'has made all its items')
  await admitJob(tx, tenantId, unmade, ['id'])
  await reopen(tx, tenantId, id, key)
  await recordAudit(tx, { tenantId, userId: viewer.userId, origin }, [
    {
      action: 'retryGenerationJob',
      subject: { type: 'GenerationJob', id },
      before: { status },
      after: { status: 'pending', items: unmade },
    },
  ])
  await announceJob(tx, tenantId, id)
  await enqueue(tx, generationBell, { tenantId, jobId: id }, { key: id })
}

function refused(code: string, message: string): ValidationError {
  return new ValidationError([{ path: ['id'], code, message: `The job ${message}` }])
}

/** What earlier attempts have cost stays on the bill; its start is that of this run. */
async function reopen(
  tx: EntityManager,
  tenantId: string,
  id: string,
  { provider, llmKeyId }: ChosenKey,
): Promise<void> {
  await tx.execute(
    `update content_generation_jobs set status = 'pending', failed_count = 0, skipped_count = 0,
       error_code = null, error_message = null, started_at = null, completed_at = null,
       counted_at = now(),
       lease_expires_at = '-infinity', provider = ?, llm_key_id = ?, own_key = ?
     where tenant_id = ? and id = ?`,
    [provider, llmKeyId, llmKeyId !== null, tenantId, id],
  )
  await tx.execute(
    `update generation_items set state = 'pending', failures = 0, drafted = false,
       error_code = null, error_message = null, partial_text = null,
       lease_expires_at = '-infinity'
     where tenant_id = ? and job_id = ? and state in ('failed', 'skipped')`,
    [tenantId, id],
  )
}
