import { loadBackupArchives } from '../features/archives/backup-archives.loaders.ts'
import { findArchiveTenant, restoreArchive } from '../features/archives/restore-archive.ts'
import { newRestored, type RestoredDocuments } from '../features/archives/restored-documents.ts'
import { StartupError } from '../lib/errors.ts'
import { isUuid } from '../lib/id.ts'
import { openEnvironment, stopSignal } from './environment.ts'
import { showProgress } from './progress.ts'

/** Restores from one archive and says what became of its documents. */
export async function restoreFromArchive(id: string, flags: { dryRun?: true }): Promise<void> {
  const dryRun = flags.dryRun === true
  const signal = stopSignal()
  await using environment = await openEnvironment({ quiet: true })
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
    if (signal.aborted) return
    if (restored.documents > 0) progress.print(describe(restored, dryRun))
    throw error
  })
  progress.print(describe(restored, dryRun))
  if (signal.aborted) {
    progress.print('Interrupted; the same command goes on.')
    process.exitCode = 130
  } else if (restored.damaged > 0) process.exitCode = 1
}

function describe(restored: RestoredDocuments, dryRun: boolean): string {
  const { documents, replaced, alreadyThere, unexplained, damaged } = restored
  const verb = dryRun ? 'would be restored' : 'restored'
  return [
    `${restored.restored} of ${documents} documents ${verb}`,
    `${replaced} that were damaged ${dryRun ? 'would be replaced' : 'replaced'}`,
    `${alreadyThere} were there`,
    `${unexplained} are of no version any more and stay away`,
    `${damaged} are damaged in the archive and left as they are`,
  ].join(', ')
}
