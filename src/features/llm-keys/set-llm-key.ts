import type { EntityManager } from '@mikro-orm/postgresql'
import {
  type FieldIssue,
  StorageUnavailableError,
  UpstreamError,
  ValidationError,
} from '../../lib/errors.ts'
import { newId } from '../../lib/id.ts'
import type { Access } from '../../lib/access.ts'
import type { Origin, Viewer } from '../../lib/viewer.ts'
import type { ModelProvider } from '../../platform/models.ts'
import type { Plan } from '../../platform/plan.ts'
import type { Database } from '../../platform/postgres/database.ts'
import type { Sealed, Vault } from '../../platform/vault.ts'
import { confirmRights } from '../tenancy/confirm-rights.ts'
import { recordAudit } from '../tenancy/record-audit.ts'
import type { LlmKeyReadDeps } from './llm-key.loaders.ts'

export interface LlmKeyDeps extends LlmKeyReadDeps {
  database: Database
  vault: Vault
  viewer: Viewer
  access: Access
  origin: Origin
  plan: Plan
}

export interface LlmKeyInput {
  provider: ModelProvider
  label: string
  secret: string
}

const maxLabelLength = 100
/** What fits in a header; OpenAI's project keys have 164 characters. */
const secretRule = /^[\x21-\x7e]{8,500}$/
/** All are listed at once. */
const maxKeys = 100

/**
 * Keeps a key, sealed; one with the same provider and label gets the new secret and stays the same
 * key. Answers its id. Nothing that is thrown, recorded or answered has the secret in it.
 */
export async function setLlmKey(deps: LlmKeyDeps, input: LlmKeyInput): Promise<string> {
  const key = { ...input, label: input.label.trim() }
  refuseInvalid(key)
  try {
    for (;;) {
      const { id = newId() } = (await findKey(deps, key)) ?? {}
      const place = { tenantId: deps.tenantId, purpose: 'llmKey', id } as const
      const sealed = await deps.vault.seal(place, key.secret)
      if (await storeKey(deps, { ...key, id, sealed })) return id
    }
  } catch (error) {
    if (!(error instanceof UpstreamError)) throw error
    throw new StorageUnavailableError(error, error.mayHaveApplied ? 'unknown' : 'unchanged')
  }
}

function refuseInvalid({ label, secret }: LlmKeyInput): void {
  const issues: FieldIssue[] = []
  if (label.length === 0 || label.length > maxLabelLength) {
    const message = `must have 1 to ${maxLabelLength} characters, and has ${label.length}`
    issues.push({ path: ['label'], code: 'LENGTH', message })
  }
  if (!secretRule.test(secret)) {
    const message = 'must be 8 to 500 visible ASCII characters without spaces'
    issues.push({ path: ['secret'], code: 'INVALID', message })
  }
  if (issues.length > 0) throw new ValidationError(issues)
}

async function findKey({ reads, tenantId }: LlmKeyDeps, { provider, label }: LlmKeyInput) {
  const [found] = await reads.rows<{ id: string }>(
    'select id from llm_keys where tenant_id = $1 and provider = $2 and label = $3',
    [tenantId, provider, label],
  )
  return found
}

interface SealedKey extends LlmKeyInput {
  id: string
  sealed: Sealed
}

/** False when another call has meanwhile made the key, under an id that this one is not sealed for. */
function storeKey(deps: LlmKeyDeps, key: SealedKey): Promise<boolean> {
  const work = (tx: EntityManager) => storeIn(tx, deps, key)
  return deps.database.transaction(deps.tenantId, work, deps.plan)
}

interface StoredKey {
  id: string
  last4: string
}

/** Whoever sets a key of this tenant holds the lock on its data key: they come one by one. */
async function storeIn(tx: EntityManager, deps: LlmKeyDeps, key: SealedKey): Promise<boolean> {
  const { tenantId, viewer, origin } = deps
  const { id, provider, label, secret, sealed } = key
  const last4 = secret.slice(-4)
  // The key service may have taken its time.
  await confirmRights(tx, deps, [])
  await tx.execute('select from data_keys where tenant_id = ? and id = ? for update', [
    tenantId,
    sealed.dataKeyId,
  ])
  const [before] = await tx.execute<StoredKey[]>(
    'select id, last4 from llm_keys where tenant_id = ? and provider = ? and label = ?',
    [tenantId, provider, label],
  )
  if (before && before.id !== id) return false
  if (!before) await refuseTooMany(tx, tenantId)
  await tx.execute(
    `insert into llm_keys (tenant_id, id, provider, label, last4, data_key_id, sealed_secret,
       created_by_user_id)
     values (?, ?, ?, ?, ?, ?, ?, ?)
     on conflict (tenant_id, provider, label) do update set last4 = excluded.last4,
       data_key_id = excluded.data_key_id, sealed_secret = excluded.sealed_secret,
       last_used_at = null, rejected_at = null`,
    [tenantId, id, provider, label, last4, sealed.dataKeyId, sealed.text, viewer.userId],
  )
  const event = {
    action: 'setLlmKey',
    subject: { type: 'LlmKey', id },
    before: before ? { provider, label, last4: before.last4 } : null,
    after: { provider, label, last4 },
  }
  await recordAudit(tx, { tenantId, userId: viewer.userId, origin }, [event])
  return true
}

async function refuseTooMany(tx: EntityManager, tenantId: string): Promise<void> {
  const [found] = await tx.execute<{ count: number }[]>(
    'select count(*)::integer as count from llm_keys where tenant_id = ?',
    [tenantId],
  )
  if ((found?.count ?? 0) < maxKeys) return
  const message = `There are ${maxKeys} keys already. Delete one first, or replace one by its label.`
  throw new ValidationError([{ path: ['label'], code: 'TOO_MANY', message }])
}
