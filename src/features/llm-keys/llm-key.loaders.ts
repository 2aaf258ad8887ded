import { align } from '../../lib/align.ts'
import type { TenantReads } from '../../platform/postgres/reads.ts'
import { selectList } from '../../platform/postgres/select-list.ts'
import { type LlmKey, LlmKeySchema } from './llm-key.entity.ts'

export interface LlmKeyReadDeps {
  reads: TenantReads
  tenantId: string
}

/** What may be shown of a key. */
export type ListedLlmKey = Omit<LlmKey, 'sealedSecret' | 'dataKeyId'>

const { sealedSecret: _secret, dataKeyId: _dataKey, ...listed } = LlmKeySchema.meta.properties
const columns = selectList({ meta: { properties: listed } }, 'k')

const keysSql = `
  select ${columns} from llm_keys k
  where k.tenant_id = $1 and k.id = any($2::uuid[])`

/** Keys of the tenant, in key order. */
export async function loadLlmKeys({ reads, tenantId }: LlmKeyReadDeps, ids: readonly string[]) {
  const found = await reads.rows<ListedLlmKey>(keysSql, [tenantId, ids])
  return align(ids, found, (key) => key.id)
}

const listSql = `
  select ${columns} from llm_keys k
  where k.tenant_id = $1 order by k.provider, k.label`

/** All keys of the tenant; `setLlmKey` sees to it that they are few. */
export function listLlmKeys({ reads, tenantId }: LlmKeyReadDeps): Promise<ListedLlmKey[]> {
  return reads.rows<ListedLlmKey>(listSql, [tenantId])
}
