import { loadBackupArchives } from '../features/archives/backup-archives.loaders.ts'
import {
  findArchiveTenant,
  newRestored,
  restoreArchive,
  type RestoredDocuments,
} from '../features/archives/restore-archive.ts'
import { StartupError } from '../lib/errors.ts'
import { isUuid } from '../lib/id.ts'
import { openEnvironment, stopSignal } from './environment.ts'
import { showProgress } from './progress.ts'

/** Restores from one archive and says what became of its documents. */
export async function restoreFromArchive(id: string, flags: { dryRun?: true }): Promise<void> {
  const dryRun = flags.dryRun === true
  const signal = stopSignal()
  await using environment = await openEnvironment({ LOG_LEVEL: 'silent' })
  const { database } = environment.services
  const tenantId = isUuid(id) ? await findArchiveTenant(database, id) : undefined
  const reads = tenantId && database.reads.forTenant(tenantId, undefined, signal)
  const [archive] = reads ? await loadBackupArchives({ reads, tenantId }, [id]) : []
  if (!archive) throw new StartupError([`There is no archive ${id}: see gateway archive list.`])
  const restored = newRestored()
  using progress = showProgress('documents', () => ({
    done: restored.documents,
    total: archive.documentCount,
  }))
  const deps = { ...environment.services, signal }
  await restoreArchive(deps, archive, { dryRun, restored }).catch((error: unknown) => {
    if (!signal.aborted) throw error
  })
  progress.print(describe(restored, dryRun))
  if (signal.aborted) {
    progress.print('Interrupted; the same command goes on.')
    process.exitCode = 130
  } else if (restored.damaged > 0) process.exitCode = 1
}

function describe(restored: RestoredDocuments, dryRun: boolean): string {
  const { documents, alreadyThere, unexplained, damaged } = restored
  const verb = dryRun ? 'would be restored' : 'restored'
  return [
    `${restored.restored} of ${documents} documents ${verb}`,
    `${alreadyThere} were there`,
    `${unexplained} are of no version any more and stay away`,
    `${damaged} are not what their version says and stay away`,
  ].join(', ')
}
