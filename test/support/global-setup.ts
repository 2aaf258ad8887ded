import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { ensureMasterKeys } from '../../src/local/master-keys.ts'
import { openPostgres } from '../../src/local/postgres.ts'
import { migrate } from '../../src/platform/postgres/migrate.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    /** As superuser; its database `gateway` is the migrated template that tests clone. */
    adminUrl: string
    ownerUrl: string
    loginUrl: string
    /** Master keys of the whole run. */
    masterKeysFile: string
  }
}

/** One PostgreSQL for the whole run; what it keeps is gone afterwards, so it need not be durable. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const dataDir = await mkdtemp(join(tmpdir(), 'gateway-test-'))
  const postgres = await openPostgres({
    dataDir,
    setupSql: await readFile(new URL('../../migrations/roles.sql', import.meta.url), 'utf8'),
    settings: { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' },
  })
  await migrate(postgres.ownerUrl)
  project.provide('adminUrl', postgres.adminUrl)
  project.provide('ownerUrl', postgres.ownerUrl)
  project.provide('loginUrl', postgres.loginUrl)
  project.provide('masterKeysFile', await ensureMasterKeys(dataDir))
  return async () => {
    await postgres[Symbol.asyncDispose]()
    await rm(dataDir, { recursive: true, force: true })
  }
}
