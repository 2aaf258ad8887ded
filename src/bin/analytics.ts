import type { Command } from 'commander'
import { stat } from 'node:fs/promises'
import { extname } from 'node:path'
import { inspect } from 'node:util'
import {
  loadMetricsFile,
  type MetricsReport,
  newMetricsReport,
} from '../app/metrics/load-metrics-file.ts'
import { MetricsFileError } from '../app/metrics/read-metrics-file.ts'
import { listTenantIds } from '../features/recovery/verify-integrity.ts'
import { StartupError, UpstreamError } from '../lib/errors.ts'
import { isUuid } from '../lib/id.ts'
import { LoadFailedError } from '../platform/bigquery.ts'
import { openEnvironment, stopSignal } from './environment.ts'
import { showProgress } from './progress.ts'

interface LoadFlags {
  tenant: string
  dryRun?: boolean
  again?: boolean
}

export function addAnalytics(program: Command): void {
  program
    .command('analytics')
    .description('what the platforms have counted')
    .command('load')
    .description('load metrics into BigQuery; newer figures of the same hour replace older ones')
    .argument('<file>', 'a .csv file with a header, or a .jsonl file with an object a line')
    .requiredOption('--tenant <id>', 'whose contents they are about')
    .option('--dry-run', 'only say what is wrong with the file')
    .option('--again', 'load also what was loaded before, e.g. to take back a correction')
    .addHelpText(
      'after',
      '\nA batch of 10,000 lines is loaded whole or, when one of them is bad, not at all. Loading the\nsame file again changes nothing, unless it is done with --again.\nExit status: 0 all loaded, 1 some lines are bad, 2 could not be done, 130 interrupted.',
    )
    .action((file: string, flags: LoadFlags) => load(file, flags).catch(couldNotLoad))
}

async function load(path: string, { tenant, ...options }: LoadFlags): Promise<void> {
  const signal = stopSignal()
  const { format, size } = await lookAt(path)
  // What was loaded is the answer on stdout; the log must not come between.
  await using environment = await openEnvironment({ quiet: true })
  const { database, bigquery } = environment.services
  if (!bigquery) throw new StartupError(['No BigQuery is configured: set BIGQUERY_PROJECT_ID.'])
  const [tenantId] = isUuid(tenant) ? await listTenantIds(database, tenant) : []
  if (tenantId === undefined) throw new StartupError([`There is no tenant ${tenant}.`])
  const report = newMetricsReport()
  using progress = showProgress('bytes', () => ({ done: report.bytesRead, total: size }))
  const file = { path, format, tenantId, options }
  try {
    await loadMetricsFile({ database, bigquery, signal }, file, report)
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    for (const line of summarize(report)) progress.print(line)
  }
  if (signal.aborted) process.exitCode = 130
  else if (report.badLines > 0) process.exitCode = 1
}

async function lookAt(path: string): Promise<{ format: 'csv' | 'jsonl'; size: number }> {
  const ending = extname(path).toLowerCase()
  const format = ending === '.csv' ? 'csv' : 'jsonl'
  if (!['.csv', '.jsonl', '.ndjson'].includes(ending)) {
    throw new StartupError([`${path} does not end in .csv or .jsonl.`])
  }
  const found = await stat(path).catch(() => null)
  if (!found?.isFile()) throw new StartupError([`${path} is no file that can be read.`])
  return { format, size: found.size }
}

function summarize(report: MetricsReport): string[] {
  const { loaded, thereAlready, checked, refused, badLines, problems } = report
  const unlisted = badLines - problems.length
  const counts = [
    [loaded, 'metrics loaded'],
    [thereAlready, 'loaded before; figures loaded since stay in force'],
    [checked, 'sound and not loaded'],
    [refused, 'lines refused'],
  ] as const
  const told = counts.filter(([count], index) => index === 0 || count > 0)
  return [
    ...problems.map(({ line, message }) => `line ${line}: ${message}`),
    ...(unlisted > 0 ? [`and ${unlisted} more bad lines`] : []),
    told.map(([count, what]) => `${count} ${what}`).join(', ') +
      (badLines > 0 ? ` for ${badLines} bad ones among them` : ''),
  ]
}

function couldNotLoad(error: unknown): never {
  const isKnown =
    error instanceof StartupError ||
    error instanceof UpstreamError ||
    error instanceof MetricsFileError ||
    error instanceof LoadFailedError
  throw new StartupError([`Could not load metrics: ${isKnown ? error.message : inspect(error)}`], 2)
}
