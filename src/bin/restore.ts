import { type Command, InvalidArgumentError, Option } from 'commander'
import { writeFile } from 'node:fs/promises'
import { inspect } from 'node:util'
import { listTenantIds } from '../features/recovery/verify-integrity.ts'
import { reportOf } from '../features/restoring/restore-report.ts'
import { DomainError, StartupError, UpstreamError } from '../lib/errors.ts'
import { isUuid } from '../lib/id.ts'
import { createLog } from '../platform/log.ts'
import { beginOrJoin, type RestoreFlags } from './begin-restore.ts'
import { openEnvironment, stopSignal } from './environment.ts'
import { followRestore } from './follow-restore.ts'
import { describeRestore, exitCodeOf } from './restore-words.ts'

export function addRestore(program: Command): void {
  program
    .command('restore')
    .description('bring back from the recovery copy what ZeroDB has lost of a tenant')
    .requiredOption('--tenant <id>', 'whose')
    .option('--as-of <time>', 'versions written up to then (default: now)', time)
    .option('--brand <id>', 'only contents of this brand')
    .option('--content <id...>', 'only these contents')
    .addOption(
      new Option('--target <target>', 'the other one is RESTORE_ZERODB_PROJECT_ID')
        .choices(['zerodb', 'new-zerodb-project'])
        .default('zerodb'),
    )
    .option('--dry-run', 'count what would be put back, and change nothing')
    .option('--report <file>', 'also write the report there, as JSON')
    .addHelpText(
      'after',
      `
PostgreSQL decides what there is: what was deleted stays deleted, and usage does not change. Goes on
with an unfinished restore of the tenant. May be stopped at any time, and run again.
Exit status: 0 all is there, 1 something is missing, 2 could not be done, 130 interrupted.`,
    )
    .action((flags: RestoreFlags) => restore(flags).catch(couldNotRestore))
}

function time(text: string): Date {
  const date = new Date(text)
  if (!Number.isNaN(date.getTime())) return date
  throw new InvalidArgumentError('Give a time like 2026-11-21T12:00:00Z.')
}

async function restore(flags: RestoreFlags): Promise<void> {
  const signal = stopSignal()
  // The report is the answer on stdout; the log must not come between, and its errors go to stderr.
  await using environment = await openEnvironment({ quiet: true })
  const services = { ...environment.services, log: createLog('error', process.stderr) }
  const { tenant: tenantId } = flags
  const [known] = isUuid(tenantId) ? await listTenantIds(services.database, tenantId) : []
  if (!known) throw new StartupError([`There is no tenant ${tenantId}.`])
  const jobId = await beginOrJoin(services, flags)
  const report = reportOf(await followRestore(services, { tenantId, jobId }, signal))
  process.stdout.write(`${describeRestore(report)}\n`)
  if (flags.report) await writeFile(flags.report, `${JSON.stringify(report, null, 2)}\n`)
  process.exitCode = exitCodeOf(report)
}

function couldNotRestore(error: unknown): never {
  const isKnown =
    error instanceof StartupError || error instanceof UpstreamError || error instanceof DomainError
  const reason = isKnown ? error.message : inspect(error)
  throw new StartupError([`Could not restore: ${reason}`], 2)
}
