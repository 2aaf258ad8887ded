import type { EntityManager } from '@mikro-orm/postgresql'
import { asStorageUnavailable } from '../../lib/errors.ts'
import type { Origin, Viewer } from '../../lib/viewer.ts'
import type { Plan } from '../../platform/plan.ts'
import type { Database } from '../../platform/postgres/database.ts'
import { recordAudit } from '../tenancy/record-audit.ts'
import { announceJob } from '../generation/announce-job.ts'
import { finishJob } from '../generation/finish-job.ts'
import { isOver } from '../generation/generation-job.entity.ts'
import { JobNotCancellableError } from './generation.errors.ts'
import type { JobRef } from '../generation/generation-job.errors.ts'
import { lockJob } from './lock-job.ts'
import { stopJob } from '../generation/stop-job.ts'

interface CancelDeps {
  database: Database
  tenantId: string
  viewer: Viewer
  origin: Origin
  plan: Plan
}

/**
 * Ends a job and keeps what was made (E-090). What a worker is writing at this moment may still be
 * stored; the worker notices within a second. A repeat changes nothing. Throws NotFoundError,
 * JobNotCancellableError, StorageUnavailableError.
 */
export async function cancelGenerationJob(deps: CancelDeps, ref: JobRef): Promise<void> {
  const { database, tenantId, plan } = deps
  await database
    .transaction(tenantId, (tx) => cancelIn(tx, deps, ref), plan)
    .catch(asStorageUnavailable)
}

async function cancelIn(
  tx: EntityManager,
  { tenantId, viewer, origin }: CancelDeps,
  ref: JobRef,
): Promise<void> {
  const { id } = ref
  const job = await lockJob(tx, viewer, ref)
  const { status, progress } = job
  if (status === 'cancelling' || status === 'cancelled') return
  if (isOver(job)) throw new JobNotCancellableError(status)
  await stopJob(tx, tenantId, id, null)
  await recordAudit(tx, { tenantId, userId: viewer.userId, origin }, [
    {
      action: 'cancelGenerationJob',
      subject: { type: 'GenerationJob', id },
      before: { status, progress },
      after: { status: 'cancelling' },
    },
  ])
  if (!(await finishJob(tx, tenantId, id))) await announceJob(tx, tenantId, id)
}
