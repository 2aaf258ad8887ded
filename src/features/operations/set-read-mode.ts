import type { EntityManager } from '@mikro-orm/postgresql'
import { asStorageUnavailable, type FieldIssue, ValidationError } from '../../lib/errors.ts'
import type { Origin, ReadMode, Viewer } from '../../lib/viewer.ts'
import type { Plan } from '../../platform/plan.ts'
import type { Database } from '../../platform/postgres/database.ts'
import type { RecoveryCopy } from '../../platform/recovery-copy.ts'
import { recordAudit } from '../tenancy/record-audit.ts'

interface SetReadModeDeps {
  database: Database
  recoveryCopy: RecoveryCopy | null
  tenantId: string
  viewer: Viewer
  origin: Origin
  plan: Plan
}

const maxReasonLength = 500

/**
 * Says where the tenant's bodies are read from; answers where they were read from before. Takes effect
 * wherever the next viewer is looked up, within five seconds. Throws ValidationError, StorageUnavailableError.
 */
export async function setReadMode(
  deps: SetReadModeDeps,
  { mode, reason }: { mode: ReadMode; reason: string },
): Promise<ReadMode> {
  const issues = [...issuesOf(deps, mode, reason.trim())]
  if (issues.length > 0) throw new ValidationError(issues)
  const { database, tenantId, plan } = deps
  return database
    .transaction(tenantId, (tx) => setIn(tx, deps, mode, reason.trim()), plan)
    .catch(asStorageUnavailable)
}

function* issuesOf(
  { recoveryCopy }: SetReadModeDeps,
  mode: ReadMode,
  reason: string,
): Iterable<FieldIssue> {
  if (reason.length === 0 || reason.length > maxReasonLength) {
    const message = `must have 1 to ${maxReasonLength} characters, and has ${reason.length}`
    yield { path: ['reason'], code: 'LENGTH', message }
  }
  if (mode === 'fallback' && !recoveryCopy) {
    const message = 'There is no recovery copy to read from: BigQuery is not configured'
    yield { path: ['mode'], code: 'NOT_CONFIGURED', message }
  }
}

async function setIn(
  tx: EntityManager,
  { tenantId, viewer, origin }: SetReadModeDeps,
  mode: ReadMode,
  reason: string,
): Promise<ReadMode> {
  const [tenant] = await tx.execute<{ mode: ReadMode }[]>(
    `select read_mode as mode from tenants where id = ? for update`,
    [tenantId],
  )
  if (!tenant) throw new TypeError('A viewer has a tenant')
  if (tenant.mode === mode) return mode
  await tx.execute(`update tenants set read_mode = ?, read_mode_since = now() where id = ?`, [
    mode,
    tenantId,
  ])
  await recordAudit(tx, { tenantId, userId: viewer.userId, origin }, [
    {
      action: 'setReadMode',
      subject: { type: 'Tenant', id: tenantId },
      before: { readMode: tenant.mode },
      after: { readMode: mode, reason },
    },
  ])
  return tenant.mode
}
