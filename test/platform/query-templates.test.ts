import { glob, readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { z } from 'zod'
import {
  type AnyQueryTemplate,
  defineQuery,
  queryTemplates,
} from '../../src/platform/bigquery/query-template.ts'
import { snapshotTable } from '../../src/platform/recovery-copy/snapshot-tables.ts'
import { copyVersions } from '../support/copies.ts'
import { createTestContents } from '../support/contents.ts'
import { type CopiedGateway, startGateway } from '../support/gateway.ts'

const root = new URL('../../', import.meta.url)

const anyDay = { from: new Date('2000-01-01'), to: new Date('2100-01-01') }

/** Every template there is, wherever it stands. */
async function allTemplates(): Promise<readonly AnyQueryTemplate[]> {
  for await (const file of glob('src/**/*.ts', { cwd: root })) {
    const url = new URL(file, root)
    if (/[^.\w]defineQuery\(/.test(await readFile(url, 'utf8'))) await import(url.href)
  }
  return queryTemplates
}

const samples = {
  STRING: 'a',
  INT64: 1,
  FLOAT64: 1,
  TIMESTAMP: new Date('2026-11-21T00:00:00Z'),
  DATE: '2026-11-21',
  'STRING[]': ['a'],
}

/** Of the versions of a tenant, those that the copy has. */
async function countCopied({ services: { bigquery } }: CopiedGateway, tenantId: string) {
  const { rows = [] } = (await bigquery?.query(everything, { tenantId, ...anyDay }, {})) ?? {}
  return rows.length
}

const everything = defineQuery({
  name: 'everything of a tenant',
  table: snapshotTable,
  sql: `SELECT snapshot_id FROM {table} WHERE tenant_id = @tenant
    AND snapshot_timestamp >= @from AND snapshot_timestamp < @to`,
  parameters: {},
  row: z.object({ snapshot_id: z.string() }),
})

test('no query asks for another tenant, or without a range of days', async () => {
  await using gateway = await startGateway(undefined, { bigquery: true })
  const { bigquery } = gateway.services
  const tenant = await gateway.newTenant()
  const other = await gateway.newTenant({ name: 'Another' })
  await createTestContents(gateway, tenant, 3)
  await copyVersions(gateway, tenant.id)
  const { rows: own } = await gateway.database.admin.query<{ contents: string[]; ids: string[] }>(
    `select array_agg(content_id::text) as contents, array_agg(id::text) as ids
     from content_versions where tenant_id = $1`,
    [tenant.id],
  )
  const known = [...(own[0]?.contents ?? []), ...(own[0]?.ids ?? [])]
  const templates = await allTemplates()
  expect(templates.length).toBeGreaterThanOrEqual(10)

  for (const template of templates) {
    gateway.bigquery.calls.length = 0
    const parameters = Object.fromEntries(
      Object.entries(template.parameters).map(([name, type]) => [
        name,
        // The ids of the one tenant, asked for by the other.
        type === 'STRING[]' ? known : samples[type],
      ]),
    )
    const result = await bigquery?.query(template, { tenantId: other.id, ...anyDay }, parameters)

    const answer = JSON.stringify(result)
    expect(known.filter((id) => answer.includes(id))).toEqual([])
    const calls = gateway.bigquery.calls.filter(({ operation }) => operation === 'query')
    expect([template.name, calls.length]).toEqual([template.name, 1])
    const [{ tenant: asked, params } = {}] = calls
    expect([asked, params?.['tenant']]).toEqual([other.id, other.id])
    expect(String(params?.['from'])).toMatch(/^2000-01-01/)
    expect(String(params?.['to'])).toMatch(/^2100-01-01/)
  }
  expect(await countCopied(gateway, tenant.id)).toBe(3)
})

const bound = 'tenant_id = @tenant AND snapshot_timestamp >= @from AND snapshot_timestamp < @to'

test.each([
  [
    'without a tenant',
    `SELECT title FROM {table} WHERE snapshot_timestamp >= @from
    AND snapshot_timestamp < @to`,
  ],
  [
    'of a tenant of its own choice',
    `SELECT title FROM {table} WHERE tenant_id = 'x'
    AND snapshot_timestamp >= @from AND snapshot_timestamp < @to`,
  ],
  [
    'without a first day',
    `SELECT title FROM {table} WHERE tenant_id = @tenant
    AND snapshot_timestamp < @to`,
  ],
  [
    'without a last day',
    `SELECT title FROM {table} WHERE tenant_id = @tenant
    AND snapshot_timestamp >= @from`,
  ],
  ['past its conditions', `SELECT title FROM {table} WHERE ${bound} OR TRUE`],
  ['with conditions in a comment', `SELECT title FROM {table} -- WHERE ${bound}`],
  ['of two tables', `SELECT title FROM {table} WHERE ${bound} UNION ALL SELECT title FROM {table}`],
  [
    'of the table twice',
    `SELECT title FROM {table} WHERE title IN
    (SELECT title FROM {table} WHERE ${bound})`,
  ],
  [
    'of another table',
    `SELECT title FROM (SELECT title FROM {table} WHERE ${bound}),
    (SELECT title AS other FROM engarde_analytics.content_snapshots)`,
  ],
  [
    'with a parameter that nobody binds',
    `SELECT title FROM {table} WHERE ${bound}
    AND title = @title`,
  ],
])('a query %s cannot be defined', (_name, sql) => {
  const before = queryTemplates.length
  const define = () =>
    defineQuery({
      name: 'planted',
      table: snapshotTable,
      sql,
      parameters: {},
      row: z.object({ title: z.string() }),
    })

  expect(define).toThrow(TypeError)
  expect(queryTemplates).toHaveLength(before)
})
