import { type Command, InvalidArgumentError, Option } from 'commander'
import { createContentApi } from '../app/import/content-api.ts'
import { importFiles, newReport } from '../app/import/import-files.ts'
import { Persistence } from '../app/import/persistence.ts'
import { settledFiles, summarize } from '../app/import/summarize.ts'
import { stopSignal } from './environment.ts'
import { findSources, findTarget, type ImportFlags } from './import-target.ts'
import { showProgress } from './progress.ts'

export function addImport(program: Command): void {
  program
    .command('import')
    .description('bring contents in line with the Markdown files of a folder, through the API')
    .argument('<folder>', 'read with all its folders: .md, .mdx and .markdown files')
    .option('--url <url>', 'the GraphQL endpoint (default: of HOST and PORT)')
    .addOption(
      new Option('--token <token>', 'who imports (default: the demo editor)').env('GATEWAY_TOKEN'),
    )
    .option('--name <name>', "first part of the external ids (default: the folder's own name)")
    .option('--patience <seconds>', 'how long to go on without any success', number(0, 86_400), 120)
    .option('--parallel <count>', 'batches of ten files under way', number(1, 16), 4)
    .addHelpText('after', '\nExit status: 0 all done, 1 some failed or are left, 130 interrupted.')
    .action(runImport)
}

async function runImport(folder: string, flags: ImportFlags): Promise<void> {
  const signal = stopSignal()
  const files = await findSources(folder, flags.name)
  const api = createContentApi({ ...(await findTarget(flags)), fetch, signal })
  const report = newReport(files.length)
  const startedAt = performance.now()
  using progress = showProgress('files', () => ({
    done: settledFiles(report),
    total: report.total,
  }))
  let told = ''
  const onWait = (reason: string) => {
    if (reason !== told) progress.print(`Trying again: ${reason}`)
    told = reason
  }
  const persistence = new Persistence({ patienceMs: flags.patience * 1_000, signal, onWait })
  await importFiles(files, report, { api, persistence, signal, parallel: flags.parallel })
  progress.print(summarize(report, (performance.now() - startedAt) / 1_000))
  if (signal.aborted) process.exitCode = 130
  else if (report.stopped !== undefined || report.failed.length > 0) process.exitCode = 1
}

function number(min: number, max: number) {
  return (text: string): number => {
    const value = Number(text)
    if (Number.isInteger(value) && value >= min && value <= max) return value
    throw new InvalidArgumentError(`Give a whole number from ${min} to ${max}.`)
  }
}
