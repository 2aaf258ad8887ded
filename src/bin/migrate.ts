import type { Command } from 'commander'
import { StartupError } from '../lib/errors.ts'
import { loadConfig } from '../platform/config.ts'
import { migrate } from '../platform/postgres/migrate.ts'
import { openNeighbours } from './neighbours.ts'

export function addMigrate(program: Command): void {
  program
    .command('migrate')
    .description('bring the database schema up to date')
    .option('--to <migration>', 'up or down to this migration; 0 is the empty schema')
    .action(({ to }: { to?: string }) => runMigrate(to))
}

async function runMigrate(to?: string): Promise<void> {
  await using neighbours = await openNeighbours(loadConfig(process.env))
  if (neighbours.ownerUrl === undefined) {
    throw new StartupError(['DATABASE_OWNER_URL is missing: only the owner may migrate.'], 2)
  }
  const done = await migrate(neighbours.ownerUrl, to)
  process.stdout.write(
    done.length === 0 ? 'Up to date.\n' : done.map((name) => `${name}\n`).join(''),
  )
}
