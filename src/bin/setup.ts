import type { Command } from 'commander'
import { warehouseTables } from '../app/warehouse-tables.ts'
import { setUpTables } from '../features/content/set-up-tables.ts'
import { StartupError, UpstreamError } from '../lib/errors.ts'
import type { Services } from '../platform/services.ts'
import { openEnvironment, stopSignal } from './environment.ts'

export function addSetup(program: Command): void {
  program
    .command('setup')
    .description('make what is missing in ZeroDB and BigQuery, and check what is there')
    .addHelpText(
      'after',
      '\nSafe to repeat. Exit status: 0 everything is ready, 1 something is not.',
    )
    .action(runSetup)
}

async function runSetup(): Promise<void> {
  const signal = stopSignal()
  await using environment = await openEnvironment()
  const steps = setUpStores(environment.services, signal)
  let step = 'ZeroDB'
  try {
    for await (const { what, outcome } of steps) {
      step = `what comes after ${what}`
      process.stdout.write(`${what}: ${outcome}\n`)
    }
  } catch (error) {
    if (!(error instanceof UpstreamError)) throw error
    throw new StartupError([
      error.message,
      `Not ready: ${step}. What is listed above is there; run \`gateway setup\` again for the rest.`,
    ])
  }
}

/** ZeroDB first: without a recovery copy the gateway works, without tables for bodies it does not. */
export async function* setUpStores({ zerodb, bigquery }: Services, signal: AbortSignal) {
  for (const table of await setUpTables(zerodb, signal)) {
    yield { what: `ZeroDB table ${table}`, outcome: 'ready' }
  }
  if (bigquery) yield* bigquery.setUp(warehouseTables)
  else yield { what: 'BigQuery', outcome: 'not configured, so there is no recovery copy' }
}
