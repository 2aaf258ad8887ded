import type { Command } from 'commander'
import { inspect } from 'node:util'
import { type Checked, newChecked } from '../features/recovery/finding.ts'
import { repairIntegrity } from '../features/recovery/repair-integrity.ts'
import { listTenantIds, verifyIntegrity } from '../features/recovery/verify-integrity.ts'
import { StartupError, UpstreamError } from '../lib/errors.ts'
import { isUuid } from '../lib/id.ts'
import { openEnvironment, stopSignal } from './environment.ts'
import { inJson, inWords, listInvariants } from './fsck-report.ts'
import { showProgress } from './progress.ts'

interface FsckOptions {
  tenant?: string
  json?: true
  repair?: true
}

export function addFsck(program: Command): void {
  program
    .command('fsck')
    .description(
      'check that PostgreSQL, ZeroDB and the recovery copy hold what they must; by itself changes nothing',
    )
    .option('--tenant <id>', 'only this tenant')
    .option('--repair', 'put right what takes no guess, and check again')
    .option('--json', 'one JSON object a line: the findings, then the summary')
    .addHelpText(
      'after',
      `
Exit status: 0 clean or all repaired, 1 violations left, 2 could not check.

Invariants:
${listInvariants()}

Repaired are: wrong usage (from the rows), dead writes (swept), overdue purges (ended), documents
that nothing explains (deleted), missing outbox events (written), versions that the copy lacks (sent
again). Each repair is in the audit.`,
    )
    .action((options: FsckOptions) => fsck(options).catch(couldNotCheck))
}

async function fsck({ tenant, json, repair }: FsckOptions): Promise<void> {
  const signal = stopSignal()
  // What is found is the answer on stdout; the log must not come between.
  await using environment = await openEnvironment({ quiet: true })
  const { database, zerodb, bigquery } = environment.services
  const tenantIds = tenant && !isUuid(tenant) ? [] : await listTenantIds(database, tenant)
  if (tenant && tenantIds.length === 0) throw new StartupError([`There is no tenant ${tenant}.`])
  const report = json ? inJson : inWords
  const [checked, rechecked] = [newChecked(), newChecked()]
  const startedAt = performance.now()
  using progress = showProgress('rows checked', () => ({
    done: rowsOf(checked) + rowsOf(rechecked),
    total: checked.expected + rechecked.expected,
  }))
  const deps = { database, zerodb, bigquery, signal, checked, rechecked }
  const found = { violations: 0, repairable: 0, repaired: 0 }
  for await (const finding of (repair ? repairIntegrity : verifyIntegrity)(deps, tenantIds)) {
    found.violations++
    if (finding.repair) found.repairable++
    if (finding.repaired) found.repaired++
    progress.print(report.finding(finding))
  }
  const seconds = (performance.now() - startedAt) / 1_000
  progress.print(report.summary({ checked, ...found, hasCopy: bigquery !== null, seconds }))
  if (found.violations > found.repaired) process.exitCode = 1
}

function rowsOf({ contents, versions, documents, copies }: Checked): number {
  return contents + versions + documents + copies
}

/** Exit 2, whatever it was: "not checked" must never look like "violations", nor like "clean". */
function couldNotCheck(error: unknown): never {
  const isKnown = error instanceof StartupError || error instanceof UpstreamError
  const reason = isKnown ? error.message : inspect(error)
  throw new StartupError([`Could not check: ${reason}`], 2)
}
