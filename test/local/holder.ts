import { once } from 'node:events'
import { openPostgres } from '../../src/local/postgres.ts'
import { openZeroDb } from '../../src/local/zerodb/open.ts'
import { setupSql } from './support.ts'

const [what, dataDir = ''] = process.argv.slice(2)

await using held =
  what === 'postgres'
    ? await openPostgres({ dataDir, setupSql, settings: { fsync: 'off' } })
    : await openZeroDb({ dataDir })
process.send?.(held)
await once(process, 'disconnect')
