import type { Command } from 'commander'
import { shredKeys } from '../features/llm-keys/shred-keys.ts'
import { listTenantIds } from '../features/recovery/verify-integrity.ts'
import { StartupError, UpstreamError } from '../lib/errors.ts'
import { isUuid } from '../lib/id.ts'
import { openEnvironment } from './environment.ts'

interface ShredOptions {
  tenant: string
  forEver?: true
}

export function addShredKeys(program: Command): void {
  program
    .command('shred-keys')
    .description(
      "destroy a tenant's data key and the secrets sealed under it, for a tenant that leaves",
    )
    .requiredOption('--tenant <id>', 'whose')
    .option('--for-ever', 'do it; without, nothing is changed')
    .addHelpText(
      'after',
      '\nNobody can open them again, from no backup. Processes that run forget the key within minutes.\nExit status: 0 done, 1 nothing was changed, 2 could not be done.',
    )
    .action((options: ShredOptions) => shred(options).catch(couldNotShred))
}

async function shred({ tenant, forEver }: ShredOptions): Promise<void> {
  await using environment = await openEnvironment({ quiet: true })
  const { database } = environment.services
  const [found] = isUuid(tenant) ? await listTenantIds(database, tenant) : []
  if (!found) throw new StartupError([`There is no tenant ${tenant}.`])
  if (!forEver) {
    throw new StartupError([
      `Nothing was changed. With --for-ever the secrets of tenant ${tenant} can never be opened again.`,
    ])
  }
  const { llmKeys, dataKeys } = await shredKeys(database, tenant)
  process.stdout.write(
    `tenantId=${tenant}: ${dataKeys} data keys and ${llmKeys} secrets under them destroyed\n`,
  )
}

function couldNotShred(error: unknown): never {
  if (!(error instanceof UpstreamError)) throw error
  throw new StartupError([`Could not shred keys: ${error.message}`], 2)
}
