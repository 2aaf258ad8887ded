import { expect, test } from 'vitest'
import { warehouseTables } from '../../src/app/warehouse-tables.ts'
import { newId } from '../../src/lib/id.ts'
import { startBigQueryServer } from '../../src/local/bigquery/server.ts'
import { startZeroDbServer } from '../../src/local/zerodb/server.ts'
import { createBigQuery } from '../../src/platform/bigquery.ts'
import type { TableDefinition } from '../../src/platform/bigquery/tables.ts'
import { snapshotTable } from '../../src/platform/recovery-copy/snapshot-tables.ts'
import { canary } from '../support/canaries.ts'
import { testDatabase } from '../support/database.ts'
import { freePort, runProgram } from '../support/program.ts'

/** Empty stores, and what `gateway setup` needs to find them. */
async function openEmptyStores() {
  await using opened = new AsyncDisposableStack()
  const database = opened.use(await testDatabase())
  const account = { projectId: newId(), apiKey: canary('zerodb') }
  const zerodb = opened.use(await startZeroDbServer({ file: ':memory:', ...account }))
  const projectId = 'test-project'
  const token = canary('bigquery')
  const bigquery = opened.use(await startBigQueryServer({ file: ':memory:', projectId, token }))
  const kept = opened.move()
  return {
    bigquery: createBigQuery({
      projectId,
      dataset: 'copies',
      location: 'US',
      apiUrl: bigquery.url,
      accessToken: token,
    }),
    env: {
      DATABASE_URL: database.loginUrl,
      ZERODB_API_URL: zerodb.url,
      ZERODB_PROJECT_ID: account.projectId,
      ZERODB_API_KEY: account.apiKey,
      BIGQUERY_SYNC_ENABLED: 'true',
      BIGQUERY_PROJECT_ID: projectId,
      BIGQUERY_DATASET: 'copies',
      BIGQUERY_API_URL: bigquery.url,
      BIGQUERY_ACCESS_TOKEN: token,
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}

async function setUp(env: Record<string, string>) {
  await using program = runProgram(['setup'], env)
  const code = await program.exited
  return { code, output: program.output() }
}

/** As if somebody had made the table, in his own way. */
async function make(
  { bigquery }: Awaited<ReturnType<typeof openEmptyStores>>,
  table: TableDefinition,
): Promise<void> {
  for await (const _step of bigquery.setUp([table]));
}

const zerodbLines = ['ZeroDB table content_items: ready', 'ZeroDB table content_versions: ready']

test('gateway setup makes all that is missing, and says what it found when it is repeated', async () => {
  await using stores = await openEmptyStores()

  const first = await setUp(stores.env)
  expect(first.code).toBe(0)
  for (const line of [...zerodbLines, 'BigQuery dataset copies: created']) {
    expect(first.output).toContain(line)
  }
  for (const table of warehouseTables) {
    expect(first.output).toContain(`BigQuery table ${table.name}: created`)
    await stores.bigquery.check(table)
  }

  const second = await setUp(stores.env)
  expect(second.code).toBe(0)
  expect(second.output).not.toContain('created')
  for (const what of ['dataset copies', ...warehouseTables.map(({ name }) => `table ${name}`)]) {
    expect(second.output).toContain(`BigQuery ${what}: there already`)
  }
})

test('a column that a table lacks is added', async () => {
  await using stores = await openEmptyStores()
  const columns = snapshotTable.columns.filter(({ name }) => name !== 'history')
  await make(stores, { ...snapshotTable, columns })

  const { code, output } = await setUp(stores.env)

  expect(code).toBe(0)
  expect(output).toContain('BigQuery table content_snapshots: extended')
  await stores.bigquery.check(snapshotTable)
})

test('without BigQuery there is nothing to make', async () => {
  await using stores = await openEmptyStores()
  const others = Object.entries(stores.env).filter(([name]) => !name.startsWith('BIGQUERY_'))
  const { code, output } = await setUp(Object.fromEntries(others))
  expect(code).toBe(0)
  for (const line of zerodbLines) expect(output).toContain(line)
  expect(output).toContain('BigQuery: not configured, so there is no recovery copy')
})

test('with BigQuery away it says what is ready and what is not, and fails', async () => {
  await using stores = await openEmptyStores()
  const away = `http://127.0.0.1:${await freePort()}`
  const { code, output } = await setUp({ ...stores.env, BIGQUERY_API_URL: away })
  expect(code).toBe(1)
  for (const line of zerodbLines) expect(output).toContain(line)
  expect(output).toMatch(/BigQuery: .*ECONNREFUSED/)
  expect(output).toContain('run `gateway setup` again for the rest')
  expect(output).not.toMatch(/\n {4}at /)
})

test('a table of another form is left alone, and the column is named', async () => {
  await using stores = await openEmptyStores()
  const columns = snapshotTable.columns.map((column) =>
    column.name === 'version' ? { ...column, type: 'DATE' as const } : column,
  )
  await make(stores, { ...snapshotTable, columns })

  const { code, output } = await setUp(stores.env)

  expect(code).toBe(1)
  expect(output).toContain('BigQuery dataset copies: there already')
  expect(output).toContain(
    'the table content_snapshots cannot be used: its column version is DATE, not INT64',
  )
  expect(output).not.toMatch(/\n {4}at /)
})
