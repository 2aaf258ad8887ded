import { inspect } from 'node:util'
import { NotFoundError } from '../../lib/errors.ts'
import type { ModelProvider } from '../../platform/models.ts'
import type { Database } from '../../platform/postgres/database.ts'
import type { Vault } from '../../platform/vault.ts'

export interface OpenKeyDeps {
  database: Database
  vault: Vault
  tenantId: string
}

/** For one caller's hands: neither printing it nor writing it as JSON shows the secret. */
export class OpenLlmKey {
  readonly id: string
  readonly provider: ModelProvider
  /** Which of its secrets this is: a later one replaces it. */
  readonly sealing: string
  readonly #secret: string

  constructor(row: SealedRow, secret: string) {
    this.id = row.id
    this.provider = row.provider
    this.sealing = row.text
    this.#secret = secret
  }

  get secret(): string {
    return this.#secret
  }

  [inspect.custom](): string {
    return `OpenLlmKey ${this.id}`
  }
}

interface SealedRow {
  id: string
  provider: ModelProvider
  dataKeyId: string
  text: string
  /** Its last use was noted a minute ago or earlier. */
  isStale: boolean
}

const sealedSql = `
  select id, provider, data_key_id as "dataKeyId", sealed_secret as text,
    coalesce(last_used_at < now() - interval '1 minute', true) as "isStale"
  from llm_keys where tenant_id = $1 and id = $2`

/**
 * A key with its secret, for the worker that calls the model: nobody else may import this. Throws
 * NotFoundError once it is deleted, KeyServiceUnavailableError and UpstreamError.
 */
export async function openLlmKey(deps: OpenKeyDeps, id: string): Promise<OpenLlmKey> {
  const { database, vault, tenantId } = deps
  const [row] = await database.reads.forTenant(tenantId).rows<SealedRow>(sealedSql, [tenantId, id])
  if (!row) throw new NotFoundError('Key')
  const secret = await vault.open({ tenantId, purpose: 'llmKey', id }, row)
  if (row.isStale) await noteUse(deps, row)
  return new OpenLlmKey(row, secret)
}

/** Once a minute at most: keys are opened more often than anybody asks when they were. */
async function noteUse({ database, tenantId }: OpenKeyDeps, { id, text }: SealedRow) {
  await database.transaction(tenantId, (tx) =>
    tx.execute(
      `update llm_keys set last_used_at = now()
       where tenant_id = ? and id = ? and sealed_secret = ?`,
      [tenantId, id, text],
    ),
  )
}
