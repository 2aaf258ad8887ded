import type { ReadMode } from '../../lib/viewer.ts'
import type { ReadPool, TenantReads } from '../../platform/postgres/reads.ts'
import { selectList } from '../../platform/postgres/select-list.ts'
import { type ApiKey, ApiKeySchema } from './api-key.entity.ts'

/** A key with its hashes, and what of its tenant every viewer carries. */
export interface FoundKey extends ApiKey {
  readMode: ReadMode
}

/** Whose key this is; undefined if there is none. */
export async function findOwner(
  reads: ReturnType<ReadPool['asSystem']>,
  id: string,
): Promise<string | undefined> {
  const sql = 'select tenant_id as "tenantId" from api_keys where id = $1'
  const [owner] = await reads.rows<{ tenantId: string }>(sql, [id])
  return owner?.tenantId
}

const findSql = `
  select ${selectList(ApiKeySchema, 'k')}, t.read_mode as "readMode"
  from api_keys k join tenants t on t.id = k.tenant_id
  where k.tenant_id = $1 and k.id = $2`

export async function findApiKey(reads: TenantReads, id: string): Promise<FoundKey | null> {
  const [key] = await reads.rows<FoundKey>(findSql, [reads.tenantId, id])
  return key ?? null
}
