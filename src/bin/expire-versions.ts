import type { Command } from 'commander'
import { inspect } from 'node:util'
import { expireVersions, type Expiry } from '../features/versions/expire-versions.ts'
import { listTenantIds } from '../features/recovery/verify-integrity.ts'
import { StartupError, UpstreamError } from '../lib/errors.ts'
import { isUuid } from '../lib/id.ts'
import { openEnvironment, stopSignal } from './environment.ts'
import { showProgress } from './progress.ts'

interface ExpireOptions {
  tenant?: string
  apply?: true
}

export function addExpireVersions(program: Command): void {
  program
    .command('expire-versions')
    .description('let go of versions whose retention is over; without --apply only says which')
    .option('--tenant <id>', 'only this tenant')
    .option('--apply', 'remove their history entries and bodies from ZeroDB')
    .addHelpText(
      'after',
      '\nCurrent and pinned versions stay, and bodies that a version in force shares.\nExit status: 0 done, 2 could not be done; what was begun is finished by the next run.',
    )
    .action((options: ExpireOptions) => expire(options).catch(couldNotExpire))
}

async function expire({ tenant, apply }: ExpireOptions): Promise<void> {
  const signal = stopSignal()
  // What goes is the answer on stdout; the log must not come between.
  await using environment = await openEnvironment({ quiet: true })
  const { database, zerodb } = environment.services
  const tenantIds = tenant && !isUuid(tenant) ? [] : await listTenantIds(database, tenant)
  if (tenant && tenantIds.length === 0) throw new StartupError([`There is no tenant ${tenant}.`])
  const deps = { database, zerodb, signal }
  const due = await expireVersions(deps, { tenantIds, dryRun: true })
  let removed = 0
  using progress = showProgress('versions removed', () => ({
    done: removed,
    total: apply ? totalOf(due).versions : 0,
  }))
  const onRemoved = (versions: number) => void (removed += versions)
  const report = apply ? await expireVersions(deps, { tenantIds, onRemoved }) : due
  for (const { tenantId, versions, bytes } of report) {
    progress.print(`tenantId=${tenantId} versions=${versions} bytes=${bytes}`)
  }
  const { versions, bytes } = totalOf(report)
  const ending = apply ? 'removed' : 'would be removed; --apply removes them'
  progress.print(`${versions} versions with ${bytes} bytes of bodies ${ending}`)
}

function totalOf(report: readonly Expiry[]): Omit<Expiry, 'tenantId'> {
  return {
    versions: report.reduce((sum, { versions }) => sum + versions, 0),
    bytes: report.reduce((sum, { bytes }) => sum + bytes, 0),
  }
}

function couldNotExpire(error: unknown): never {
  const isKnown = error instanceof StartupError || error instanceof UpstreamError
  const reason = isKnown ? error.message : inspect(error)
  throw new StartupError([`Could not expire versions: ${reason}`], 2)
}
