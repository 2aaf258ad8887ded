import { createDataKeys, type DataKeysOptions } from './vault/data-keys.ts'
import { openSealed, sealWith } from './seal.ts'

/** Where a secret belongs; it opens nowhere else. */
export interface SecretPlace {
  tenantId: string
  purpose: 'llmKey'
  /** Of its row. */
  id: string
}

/** What may be stored of a secret. */
export interface Sealed {
  dataKeyId: string
  text: string
}

/**
 * Seals secrets of tenants under each tenant's own data key. Both calls may ask the key service, so
 * neither belongs inside a transaction; they throw KeyServiceUnavailableError and UpstreamError.
 */
export interface Vault {
  seal(place: SecretPlace, secret: string): Promise<Sealed>
  /** Throws an Error for what was altered or belongs elsewhere. */
  open(place: SecretPlace, sealed: Sealed): Promise<string>
}

export function createVault(options: DataKeysOptions): Vault {
  const dataKeys = createDataKeys(options)
  return {
    async seal(place, secret) {
      const { id, key } = await dataKeys.ensure(place.tenantId)
      const text = sealWith(key, Buffer.from(secret), contextOf(place, id))
      return { dataKeyId: id, text }
    },
    async open(place, { dataKeyId, text }) {
      const key = await dataKeys.get(place.tenantId, dataKeyId)
      return openSealed(key, text, contextOf(place, dataKeyId)).toString()
    },
  }
}

function contextOf({ tenantId, purpose, id }: SecretPlace, dataKeyId: string): string {
  return JSON.stringify([purpose, tenantId, id, dataKeyId])
}
