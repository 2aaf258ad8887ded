import type { Command } from 'commander'
import { inspect } from 'node:util'
import { newChecked } from '../features/recovery/finding.ts'
import { listTenantIds, verifyIntegrity } from '../features/recovery/verify-integrity.ts'
import { StartupError, UpstreamError } from '../lib/errors.ts'
import { isUuid } from '../lib/id.ts'
import { openEnvironment, stopSignal } from './environment.ts'
import { inJson, inWords, listInvariants } from './fsck-report.ts'
import { showProgress } from './progress.ts'

interface FsckOptions {
  tenant?: string
  json?: true
}

export function addFsck(program: Command): void {
  program
    .command('fsck')
    .description('check that PostgreSQL and ZeroDB hold what they must; changes nothing')
    .option('--tenant <id>', 'only this tenant')
    .option('--json', 'one JSON object a line: the findings, then the summary')
    .addHelpText(
      'after',
      `\nExit status: 0 clean, 1 violations, 2 could not check.\n\nInvariants:\n${listInvariants()}`,
    )
    .action((options: FsckOptions) => fsck(options).catch(couldNotCheck))
}

async function fsck({ tenant, json }: FsckOptions): Promise<void> {
  const signal = stopSignal()
  // What is found is the answer on stdout; the log must not come between.
  await using environment = await openEnvironment({ LOG_LEVEL: 'silent' })
  const { database, zerodb } = environment.services
  const tenantIds = tenant && !isUuid(tenant) ? [] : await listTenantIds(database, tenant)
  if (tenant && tenantIds.length === 0) throw new StartupError([`There is no tenant ${tenant}.`])
  const report = json ? inJson : inWords
  const checked = newChecked()
  const startedAt = performance.now()
  using progress = showProgress('rows checked', () => ({
    done: checked.contents + checked.versions + checked.documents,
    total: checked.expected,
  }))
  let violations = 0
  for await (const finding of verifyIntegrity({ database, zerodb, signal, checked }, tenantIds)) {
    violations++
    progress.print(report.finding(finding))
  }
  const seconds = (performance.now() - startedAt) / 1_000
  progress.print(report.summary({ checked, violations, seconds }))
  if (violations > 0) process.exitCode = 1
}

/** Exit 2, whatever it was: "not checked" must never look like "violations", nor like "clean". */
function couldNotCheck(error: unknown): never {
  const isKnown = error instanceof StartupError || error instanceof UpstreamError
  const reason = isKnown ? error.message : inspect(error)
  throw new StartupError([`Could not check: ${reason}`], 2)
}
