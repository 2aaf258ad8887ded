import { type KeyObject, randomBytes } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { KeyServiceUnavailableError } from '../../lib/errors.ts'
import { newId } from '../../lib/id.ts'
import type { KeyManager } from '../key-manager/manager.ts'
import type { Log } from '../log.ts'
import type { Database } from '../postgres/database.ts'
import { toSecretKey } from '../seal.ts'

export interface DataKeysOptions {
  database: Database
  keyManager: KeyManager
  log: Log
  /** How long a data key stays usable while the key service is away; five minutes when absent. */
  maxAgeMs?: number
}

/** As it is stored. */
export interface StoredDataKey {
  id: string
  masterKey: string
  wrapped: string
}

/** What tenants' secrets are sealed with; each tenant has one data key. */
interface DataKeys {
  /** The tenant's, made now when it has none. */
  ensure(tenantId: string): Promise<{ id: string; key: KeyObject }>
  get(tenantId: string, id: string): Promise<KeyObject>
}

const maxCached = 1_000
const defaultMaxAgeMs = 300_000

export const storedKeySql = `
  select id, master_key as "masterKey", wrapped_key as wrapped from data_keys where tenant_id = $1`

/** Data keys that were used lately are kept unwrapped in memory, for a few minutes and no longer. */
export function createDataKeys(options: DataKeysOptions): DataKeys {
  const { database, keyManager, log, maxAgeMs = defaultMaxAgeMs } = options
  const cache = new LRUCache<string, Promise<KeyObject>>({ max: maxCached, ttl: maxAgeMs })

  const find = async (tenantId: string) => {
    const [stored] = await database.reads
      .forTenant(tenantId)
      .rows<StoredDataKey>(storedKeySql, [tenantId])
    return stored
  }
  const unwrap = async (tenantId: string, stored: StoredDataKey | undefined) => {
    if (!stored) throw new Error(`Tenant ${tenantId} has no such data key: it was shredded.`)
    try {
      return toSecretKey(await keyManager.unwrap(stored, dataKeyContext(tenantId, stored.id)))
    } catch (error) {
      noteOutage(log, error)
      throw error
    }
  }
  const remember = (tenantId: string, id: string, load: () => Promise<KeyObject>) => {
    const name = `${tenantId}:${id}`
    let key = cache.get(name)
    if (!key) {
      key = load()
      cache.set(name, key)
      key.catch(() => cache.delete(name))
    }
    return key
  }

  return {
    async ensure(tenantId) {
      let stored = await find(tenantId)
      if (!stored) {
        await create(options, tenantId)
        stored = await find(tenantId)
      }
      const id = stored?.id ?? ''
      return { id, key: await remember(tenantId, id, () => unwrap(tenantId, stored)) }
    },
    get: (tenantId, id) =>
      remember(tenantId, id, async () => {
        const stored = await find(tenantId)
        return unwrap(tenantId, stored?.id === id ? stored : undefined)
      }),
  }
}

/** What a wrapped data key is authenticated with. */
export function dataKeyContext(tenantId: string, id: string): string {
  return `${tenantId}/${id}`
}

/** Of several that come at once, the first gives the tenant its key. */
async function create({ database, keyManager, log }: DataKeysOptions, tenantId: string) {
  const id = newId()
  const bytes = randomBytes(32)
  try {
    const { masterKey, wrapped } = await keyManager.wrap(bytes, dataKeyContext(tenantId, id))
    await database.transaction(tenantId, (tx) =>
      tx.execute(
        `insert into data_keys (tenant_id, id, wrapped_key, master_key) values (?, ?, ?, ?)
         on conflict (tenant_id) do nothing`,
        [tenantId, id, wrapped, masterKey],
      ),
    )
  } catch (error) {
    noteOutage(log, error)
    throw error
  } finally {
    bytes.fill(0)
  }
}

/** Callers are told no more than that it is away; operators must know why. */
function noteOutage(log: Log, error: unknown): void {
  if (!(error instanceof KeyServiceUnavailableError)) return
  log.warn({ reason: error.reason }, 'the key service is not available')
}
