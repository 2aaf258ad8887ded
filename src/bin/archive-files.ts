import { type ArchiveDeps } from '../features/archives/archive-run.ts'
import { backUpCollection, type BackupOutcome } from '../features/archives/back-up-collection.ts'
import type { BackupArchive } from '../features/archives/backup-archive.entity.ts'
import {
  archiveCursorOf,
  listBackupArchives,
} from '../features/archives/backup-archives.loaders.ts'
import { requestBackups } from '../features/archives/backup-collections.ts'
import { checkCollections } from '../features/archives/collections.ts'
import { listTenantIds } from '../features/recovery/verify-integrity.ts'
import { StartupError } from '../lib/errors.ts'
import { isUuid } from '../lib/id.ts'
import type { Database } from '../platform/postgres/database.ts'
import { openEnvironment, stopSignal } from './environment.ts'

export interface TenantFlags {
  tenant?: string
}

const origin = { requestId: 'task:backUpCollection', ip: null, apiKeyId: null }

/** Makes archives here, whether or not a worker runs; a line for each. */
export async function backUpArchives(
  names: readonly string[] | null,
  flags: TenantFlags,
): Promise<void> {
  const collections = checkCollections(names)
  const signal = stopSignal()
  await using environment = await openEnvironment({ quiet: true })
  const { database } = environment.services
  const deps = { ...environment.services, signal }
  for (const tenantId of await tenantsOf(database, flags)) {
    const by = { database, tenantId, viewer: { userId: null }, origin }
    for (const collection of collections) {
      await requestBackups(by, [collection], 'silent')
      const outcome = await backUpHere(deps, { tenantId, collection })
      if (!outcome) return
      process.stdout.write(`tenantId=${tenantId} collection=${collection} ${describe(outcome)}\n`)
      if (outcome.state !== 'made' || outcome.missing > 0) process.exitCode = 1
    }
  }
}

/** Undefined when the command was interrupted: a worker, or the next run, goes on with it. */
async function backUpHere(
  deps: ArchiveDeps,
  task: { tenantId: string; collection: string },
): Promise<BackupOutcome | undefined> {
  try {
    return await backUpCollection(deps, task)
  } catch (error) {
    if (!deps.signal.aborted) throw error
    process.exitCode = 130
    return undefined
  }
}

function describe(outcome: BackupOutcome): string {
  switch (outcome.state) {
    case 'made': {
      const { archiveId, fileName, documents, missing, sizeBytes } = outcome
      const lack = missing > 0 ? `, and ${missing} that are missing: run gateway fsck` : ''
      return `archive=${archiveId} file=${fileName} bytes=${sizeBytes}: ${documents} documents${lack}`
    }
    case 'notOurs':
      return 'is not made here: a worker has it, or it failed and is tried again within minutes'
    case 'givenUp':
      return 'was given up: its last attempt died with its worker; see why, then run this again'
    case 'failed':
      return `failed${outcome.givenUp ? '' : ', a worker will try again'}: ${outcome.error.message}`
  }
}

/** A line for each archive. */
export async function listArchives(flags: TenantFlags): Promise<void> {
  const signal = stopSignal()
  await using environment = await openEnvironment({ quiet: true })
  const { database } = environment.services
  for (const tenantId of await tenantsOf(database, flags)) {
    const reads = database.reads.forTenant(tenantId, undefined, signal)
    for await (const archive of eachArchive({ reads, tenantId })) {
      const { id, fileName, documentCount, sizeBytes, expiresAt } = archive
      const expiry = expiresAt ? ` expires=${expiresAt.toISOString()}` : ''
      process.stdout.write(
        `archive=${id} tenantId=${tenantId} file=${fileName} documents=${documentCount} bytes=${sizeBytes}${expiry}\n`,
      )
    }
  }
}

const pageSize = 100

async function* eachArchive(
  deps: Parameters<typeof listBackupArchives>[0],
): AsyncGenerator<BackupArchive, void> {
  for (let cursor: string | undefined; ;) {
    const found = await listBackupArchives(deps, { limit: pageSize, cursor })
    const page = found.slice(0, pageSize)
    yield* page
    const last = page.at(-1)
    if (found.length <= pageSize || !last) return
    cursor = archiveCursorOf(last)
  }
}

async function tenantsOf(database: Database, { tenant }: TenantFlags): Promise<string[]> {
  const ids = tenant && !isUuid(tenant) ? [] : await listTenantIds(database, tenant)
  if (tenant && ids.length === 0) throw new StartupError([`There is no tenant ${tenant}.`])
  return ids
}
