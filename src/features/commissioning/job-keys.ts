import type { EntityManager } from '@mikro-orm/postgresql'
import { ValidationError } from '../../lib/errors.ts'
import type { TenantReads } from '../../platform/postgres/reads.ts'
import { keyHours } from '../writing/claim-keys.ts'
import { hashInput } from '../writing/plan-write.ts'
import type { GenerationInput } from './generation-input.ts'

/** The call that asks for a job. */
export interface SubmitCall {
  /** The mutation: it scopes the idempotency key, and the audit names it. */
  operation: string
  idempotencyKey: string | null
  inputHash: string
  /** Where its input stands in the call. */
  path: readonly string[]
}

export function callOf(
  operation: string,
  input: GenerationInput,
  path: readonly string[],
): SubmitCall {
  const { idempotencyKey } = input
  return { operation, idempotencyKey, inputHash: hashInput(input), path }
}

/**
 * Claims the call's key for `jobId`; answers the job that has it. Waits for a parallel claim to commit.
 * Throws ValidationError when it is another call's.
 */
export async function claimJobKey(
  tx: EntityManager,
  tenantId: string,
  { operation, idempotencyKey, inputHash, path }: SubmitCall,
  jobId: string,
): Promise<string> {
  if (idempotencyKey === null) return jobId
  const [row] = await tx.execute<{ jobId: string; inputHash: string }[]>(
    `insert into idempotency_keys as k (tenant_id, operation, key, input_hash, job_id, completed_at)
     values (?, ?, ?, ?, ?, now())
     on conflict (tenant_id, operation, key) do update set
       input_hash = case when k.created_at < now() - make_interval(hours => ?)
         then excluded.input_hash else k.input_hash end,
       job_id = case when k.created_at < now() - make_interval(hours => ?)
         then excluded.job_id else k.job_id end,
       created_at = case when k.created_at < now() - make_interval(hours => ?)
         then now() else k.created_at end
     returning k.job_id as "jobId", k.input_hash as "inputHash"`,
    [tenantId, operation, idempotencyKey, inputHash, jobId, keyHours, keyHours, keyHours],
  )
  if (row && row.inputHash === inputHash) return row.jobId
  const code = 'IDEMPOTENCY_MISMATCH'
  const message = 'was used within the last 24 hours with another input; choose a new key'
  throw new ValidationError([{ path: [...path, 'idempotencyKey'], code, message }], code)
}

/** The job that a call with this key and input has made; nothing is claimed or waited for. */
export async function findMadeJob(
  { reads, tenantId }: { reads: TenantReads; tenantId: string },
  { operation, idempotencyKey, inputHash }: SubmitCall,
): Promise<string | undefined> {
  if (idempotencyKey === null) return undefined
  const [row] = await reads.rows<{ jobId: string }>(
    `select job_id as "jobId" from idempotency_keys
     where tenant_id = $1 and operation = $2 and key = $3 and input_hash = $4
       and created_at >= now() - make_interval(hours => $5)`,
    [tenantId, operation, idempotencyKey, inputHash, keyHours],
  )
  return row?.jobId
}
