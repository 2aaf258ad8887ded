import type { Command } from 'commander'
import { inspect } from 'node:util'
import { StartupError, UpstreamError, ValidationError } from '../lib/errors.ts'
import { DamagedArchiveError } from '../features/archives/read-archive.ts'
import { backUpArchives, listArchives, type TenantFlags } from './archive-files.ts'
import { restoreFromArchive } from './archive-restore.ts'

export function addArchive(program: Command): void {
  const archive = program
    .command('archive')
    .description('archives of what ZeroDB keeps of contents: make, list and restore them')
  const ending = '\nExit status: 0 done, 1 not all of it, 2 could not be done, 130 interrupted.'
  const tenant = ['--tenant <id>', 'only this tenant'] as const
  archive
    .command('backup')
    .description('archive collections, all unless some are named, as files in ZeroDB')
    .argument('[collections...]', 'content_items, content_versions')
    .option(...tenant)
    .addHelpText('after', ending)
    .action((names: string[], flags: TenantFlags) =>
      backUpArchives(names.length > 0 ? names : null, flags).catch(couldNot),
    )
  archive
    .command('list')
    .description('all archives, newest first')
    .option(...tenant)
    .addHelpText('after', ending)
    .action((flags: TenantFlags) => listArchives(flags).catch(couldNot))
  archive
    .command('restore')
    .description(
      'put back what ZeroDB has lost or damaged; what is there and sound stays, what was purged stays away',
    )
    .argument('<archive id>', 'as `list` and the API show it')
    .option('--dry-run', 'only say what would be put back')
    .addHelpText('after', `${ending} Running it again goes on.`)
    .action((id: string, flags: { dryRun?: true }) => restoreFromArchive(id, flags).catch(couldNot))
}

function couldNot(error: unknown): never {
  const known = [StartupError, UpstreamError, ValidationError, DamagedArchiveError]
  const isKnown = error instanceof Error && known.some((type) => error instanceof type)
  throw new StartupError([`Could not be done: ${isKnown ? error.message : inspect(error)}`], 2)
}
