import { KeyServiceUnavailableError, UpstreamError } from '../../lib/errors.ts'
import { mapLimit } from '../../lib/map-limit.ts'
import type { KeyManager } from '../key-manager/manager.ts'
import type { Database } from '../postgres/database.ts'
import { dataKeyContext, type StoredDataKey, storedKeySql } from './data-keys.ts'

export interface RotateOptions {
  signal: AbortSignal
  /** Told how many more there are to do. */
  onFound(dataKeys: number): void
  onRewrapped(): void
}

/** A data key that stays as it was, and why. */
export interface FailedRewrap {
  tenantId: string
  reason: string
}

export interface RotateDeps {
  database: Database
  keyManager: KeyManager
}

const parallel = 8

/**
 * Wraps every data key under the current master key. The data keys themselves stay what they are, so
 * whoever uses one notices nothing; each is done in one step and then no longer found, so it may be
 * broken off, repeated, and run twice at a time. Throws UpstreamError of PostgreSQL.
 */
export async function rotateKeys(
  deps: RotateDeps,
  { signal, onFound, onRewrapped }: RotateOptions,
): Promise<FailedRewrap[]> {
  const failed: FailedRewrap[] = []
  const rewrapOne = async (tenantId: string) => {
    if (signal.aborted) return
    try {
      await rewrap(deps, tenantId)
      onRewrapped()
    } catch (error) {
      if (!(error instanceof Error) || error instanceof UpstreamError) throw error
      const { message } = error
      const reason = error instanceof KeyServiceUnavailableError ? error.reason : message
      failed.push({ tenantId, reason })
    }
  }
  // Meanwhile a process that has not heard of the new master key may have made some under the old.
  while (!signal.aborted) {
    const tenantIds = (await listStale(deps)).filter(
      (tenantId) => !failed.some((failure) => failure.tenantId === tenantId),
    )
    if (tenantIds.length === 0) break
    onFound(tenantIds.length)
    await mapLimit(tenantIds, parallel, rewrapOne)
  }
  return failed
}

/** Tenants whose data key is not under the current master key. */
async function listStale({ database, keyManager }: RotateDeps): Promise<string[]> {
  const rows = await database.reads
    .asSystem()
    .rows<{ tenantId: string }>(
      'select tenant_id as "tenantId" from data_keys where master_key <> $1 order by tenant_id',
      [keyManager.currentKey],
    )
  return rows.map(({ tenantId }) => tenantId)
}

async function rewrap({ database, keyManager }: RotateDeps, tenantId: string): Promise<void> {
  const [stored] = await database.reads
    .forTenant(tenantId)
    .rows<StoredDataKey>(storedKeySql, [tenantId])
  // Somebody else was here, or the tenant has gone.
  if (!stored || stored.masterKey === keyManager.currentKey) return
  const context = dataKeyContext(tenantId, stored.id)
  const bytes = await keyManager.unwrap(stored, context)
  try {
    const { masterKey, wrapped } = await keyManager.wrap(bytes, context)
    await database.transaction(tenantId, (tx) =>
      tx.execute(
        `update data_keys set wrapped_key = ?, master_key = ?
         where tenant_id = ? and id = ? and wrapped_key = ?`,
        [wrapped, masterKey, tenantId, stored.id, stored.wrapped],
      ),
    )
  } finally {
    bytes.fill(0)
  }
}
