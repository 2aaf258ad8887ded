import { Command } from 'commander'
import { existsSync } from 'node:fs'
import { StartupError } from '../lib/errors.ts'
import { addAnalytics } from './analytics.ts'
import { addArchive } from './archive.ts'
import { addExpireVersions } from './expire-versions.ts'
import { addFsck } from './fsck.ts'
import { addImport } from './import.ts'
import { addMigrate } from './migrate.ts'
import { addRestore } from './restore.ts'
import { addRotateKeys } from './rotate-keys.ts'
import { addServe } from './serve.ts'
import { addSetup } from './setup.ts'
import { addShredKeys } from './shred-keys.ts'
import { addStart } from './start.ts'
import { addToken } from './token.ts'
import { addWork } from './work.ts'

// Never in tests: they must not meet the database of whoever runs them.
if (process.env['NODE_ENV'] !== 'test' && existsSync('.env')) process.loadEnvFile()

const program = new Command('gateway')
  .description('The content gateway: one GraphQL endpoint over PostgreSQL and ZeroDB.')
  .showHelpAfterError()
for (const add of [
  addStart,
  addServe,
  addWork,
  addMigrate,
  addArchive,
  addAnalytics,
  addExpireVersions,
  addFsck,
  addImport,
  addRestore,
  addRotateKeys,
  addSetup,
  addShredKeys,
  addToken,
])
  add(program)

try {
  await program.parseAsync()
} catch (error) {
  // An operator's mistake is told in its own words; a bug with its stack.
  if (!(error instanceof StartupError)) throw error
  process.stderr.write(`${error.message}\n`)
  process.exitCode = error.exitCode
}
