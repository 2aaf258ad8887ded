import type { FieldIssue } from '../../lib/errors.ts'
import type { ModelProvider, Models } from '../../platform/models.ts'
import type { TenantReads } from '../../platform/postgres/reads.ts'
import { issue } from '../editing/content-input.ts'

/** Whose key a job uses, and where it leads. */
export interface ChosenKey {
  provider: ModelProvider
  /** The tenant's own; null for the platform's. */
  llmKeyId: string | null
}

interface KeyRow {
  id: string
  provider: ModelProvider
  isRejected: boolean
}

const keysSql = `
  select id, provider, rejected_at is not null as "isRejected" from llm_keys
  where tenant_id = $1 and case when $2::uuid is null
    then provider = $3 and rejected_at is null else id = $2::uuid end
  order by created_at desc, id desc limit 1`

export interface KeyWish {
  model: string
  llmKeyId: string | null
  /** What was begun with the tenant's own key never goes on with the platform's. */
  ownOnly?: boolean
}

/**
 * The key that was asked for; else the tenant's newest that its provider has not refused; else the
 * platform's, or the platform's own endpoint. The secret is not looked at: only a worker opens it.
 */
export async function chooseKey(
  { reads, models, tenantId }: { reads: TenantReads; models: Models; tenantId: string },
  { model, llmKeyId, ownOnly = false }: KeyWish,
  path: readonly string[],
): Promise<ChosenKey | FieldIssue> {
  const provider = models.providerOf(model)
  const [own] = await reads.rows<KeyRow>(keysSql, [tenantId, llmKeyId, provider])
  if (own) {
    if (!own.isRejected) return { provider: own.provider, llmKeyId: own.id }
    const message = 'was refused by its provider; give it a new secret with setLlmKey'
    return issue([...path, 'llmKeyId'], 'KEY_REJECTED', message)
  }
  if (llmKeyId !== null) {
    return issue([...path, 'llmKeyId'], 'NOT_FOUND', 'There is no such key')
  }
  const platforms = [provider, 'compatible'] as const
  const served = platforms.find((candidate) => models.hasPlatformKey(candidate))
  if (served && !ownOnly) return { provider: served, llmKeyId: null }
  const message = `There is no key to ${provider}, which serves this model; bring one with setLlmKey`
  return issue([...path, 'model'], 'NO_KEY', message)
}

export function isChosen(choice: ChosenKey | FieldIssue): choice is ChosenKey {
  return 'provider' in choice
}
