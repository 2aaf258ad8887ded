import { align } from '../../lib/align.ts'
import type { TenantReads } from '../../platform/postgres/reads.ts'
import { selectList } from '../../platform/postgres/select-list.ts'
import { type ApiKey, ApiKeySchema } from './api-key.entity.ts'

interface ApiKeyReadDeps {
  reads: TenantReads
  tenantId: string
}

/** What may be shown of a key. */
export type ListedApiKey = Omit<ApiKey, 'secretHash' | 'previousSecretHash'>

const { secretHash: _hash, previousSecretHash: _previous, ...listed } = ApiKeySchema.meta.properties
const columns = selectList({ meta: { properties: listed } }, 'k')

const keysSql = `
  select ${columns} from api_keys k
  where k.tenant_id = $1 and k.id = any($2::uuid[])`

/** Keys of the tenant, in key order. */
export async function loadApiKeys({ reads, tenantId }: ApiKeyReadDeps, ids: readonly string[]) {
  const found = await reads.rows<ListedApiKey>(keysSql, [tenantId, ids])
  return align(ids, found, (key) => key.id)
}

const listSql = `
  select ${columns} from api_keys k
  where k.tenant_id = $1 order by k.revoked_at is not null, k.id desc limit 200`

/** The tenant's keys, newest first: all that are not revoked, and the latest of those that are. */
export function listApiKeys({ reads, tenantId }: ApiKeyReadDeps): Promise<ListedApiKey[]> {
  return reads.rows<ListedApiKey>(listSql, [tenantId])
}
