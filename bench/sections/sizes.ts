import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import pg from 'pg'
import { openBigQuery } from '../../src/local/bigquery/open.ts'
import { tenths } from '../figures.ts'
import { createAll } from '../pages.ts'
import { startProgram } from '../program.ts'
import { copyEverything } from '../recovery-copy.ts'
import { gateway, worker } from '../contenders.ts'
import type { Bench, Section, SectionResult, Target } from '../section.ts'
import { renderTable } from '../table.ts'
import type { World } from '../world.ts'

const perContents = 10_000
const megabyte = 1024 ** 2
const gigabyte = 1024 ** 3

const limits = { postgres: 10 * megabyte, zerodb: gigabyte, bigquery: 2 * gigabyte }

/** What contents take in each store. */
export const sizes: Section = {
  name: 'sizes',
  about: `what ${perContents.toLocaleString('en')} contents take in each store, of one version each`,
  run: measureSizes,
}

/** Bytes of as many contents as were made, without what was there before. */
interface Bytes {
  postgres: Record<string, number>
  zerodb: number
  bigquery: number
}

interface Figures {
  contents: number
  bodyBytes: number
  bytes: Bytes
}

async function measureSizes(bench: Bench): Promise<SectionResult> {
  await using world = await bench.openWorld()
  const contents = bench.quick ? 1_000 : 5_000
  await using bigquery = await openBigQuery({ dataDir: world.dataDir })
  await using api = await startProgram(gateway(world, 0))
  const endpoint = { url: api.url, token: world.token }
  const before = await measureStores(world, bigquery, 0)
  const { bodySize } = bench.options
  await createAll(endpoint, { count: contents, bodySize, brandIds: world.brandIds }, (done) => {
    bench.signal.throwIfAborted()
    if (done % 500 === 0) bench.progress(`sizes: created ${done} of ${contents} contents`)
  })
  {
    await using _worker = await startProgram(worker(world))
    await copyEverything(endpoint, bench.signal)
    bench.progress('sizes: all is in the copy')
  }
  await world.settle()
  const after = await measureStores(world, bigquery, contents)
  const bodyBytes = await sumBodies(world)
  const figures: Figures = { contents, bodyBytes, bytes: difference(after, before) }
  return { table: render(figures), targets: targetsOf(figures), figures }
}

type BigQuery = Awaited<ReturnType<typeof openBigQuery>>

async function measureStores(world: World, bigquery: BigQuery, contents: number): Promise<Bytes> {
  return {
    postgres: await measurePostgres(world, contents),
    zerodb: measureZeroDb(world),
    bigquery: await measureBigQuery(bigquery),
  }
}

/**
 * Each table with its indexes and what is stored apart from its rows, of those that have a row for each
 * content at least: what others begin with would count as many times as there are contents fewer than 10,000.
 */
async function measurePostgres(
  { adminUrl }: World,
  contents: number,
): Promise<Record<string, number>> {
  const rows = await queryAs<{ name: string; bytes: number }>(
    adminUrl,
    `select relname as name, pg_total_relation_size(oid)::float8 as bytes from pg_class
     where relnamespace = 'public'::regnamespace and relkind = 'r'
       and reltuples >= ${contents}`,
  )
  return Object.fromEntries(rows.map(({ name, bytes }) => [name, bytes]))
}

async function sumBodies({ adminUrl }: World): Promise<number> {
  const [row] = await queryAs<{ bytes: number }>(
    adminUrl,
    'select sum(storage_size_bytes)::float8 as bytes from content_items',
  )
  return row?.bytes ?? 0
}

async function queryAs<Row extends object>(url: string, text: string): Promise<Row[]> {
  const client = new pg.Client(url)
  await client.connect()
  try {
    return (await client.query<Row>(text)).rows
  } finally {
    await client.end()
  }
}

/** The pages of the stand-in's file: rows of bodies, of the history, and their indexes. */
function measureZeroDb({ dataDir }: World): number {
  using file = new DatabaseSync(join(dataDir, 'zerodb.sqlite'), { readOnly: true })
  const sizeSql = 'select page_count * page_size as bytes from pragma_page_count, pragma_page_size'
  return Number(file.prepare(sizeSql).get()?.['bytes'])
}

const dataset = 'engarde_analytics'

/** As BigQuery counts them: by the types of the values, before it compresses anything. */
async function measureBigQuery({ url, projectId, token }: BigQuery): Promise<number> {
  const tablesUrl = `${url}/bigquery/v2/projects/${projectId}/datasets/${dataset}/tables`
  const get = async (address: string) => {
    const answer = await fetch(address, { headers: { authorization: `Bearer ${token}` } })
    if (!answer.ok) throw new Error(`BigQuery answered ${answer.status}: ${await answer.text()}`)
    return answer.json()
  }
  const { tables = [] } = (await get(tablesUrl)) as {
    tables?: { tableReference: { tableId: string } }[]
  }
  let bytes = 0
  for (const { tableReference } of tables) {
    const table = (await get(`${tablesUrl}/${tableReference.tableId}`)) as { numBytes: string }
    bytes += Number(table.numBytes)
  }
  return bytes
}

function difference(after: Bytes, before: Bytes): Bytes {
  const grown = Object.entries(after.postgres).map(([name, bytes]) => [
    name,
    bytes - (before.postgres[name] ?? 0),
  ])
  return {
    postgres: Object.fromEntries(grown) as Bytes['postgres'],
    zerodb: after.zerodb - before.zerodb,
    bigquery: after.bigquery - before.bigquery,
  }
}

function targetsOf({ contents, bytes }: Figures): Target[] {
  const scaled = (sum: number) => (sum * perContents) / contents
  const { postgres, zerodb, bigquery } = bytes
  return [
    {
      what: 'sizes: PostgreSQL, MB of 10,000 contents, all tables and indexes',
      measured: scaled(sumOf(postgres)) / megabyte,
      relation: '≤',
      target: limits.postgres / megabyte,
    },
    {
      what: 'sizes: ZeroDB, GB of 10,000 contents',
      measured: scaled(zerodb) / gigabyte,
      relation: '≤',
      target: limits.zerodb / gigabyte,
    },
    {
      what: 'sizes: BigQuery, GB of 10,000 contents',
      measured: scaled(bigquery) / gigabyte,
      relation: '≤',
      target: limits.bigquery / gigabyte,
    },
  ]
}

function sumOf(bytes: Record<string, number>): number {
  return Object.values(bytes).reduce((sum, size) => sum + size, 0)
}

function render({ contents, bodyBytes, bytes }: Figures): string {
  const row = (name: string, sum: number) => [
    name,
    tenths((sum * perContents) / contents / megabyte),
    (sum / contents).toFixed(0),
  ]
  const tables = Object.entries(bytes.postgres)
    .filter(([, size]) => size > 0)
    .toSorted(([, a], [, b]) => b - a)
  return renderTable(`sizes: ${sizes.about}, from ${contents.toLocaleString('en')}`, [
    ['', 'MB of 10,000', 'bytes of one'],
    row('bodies, as they are sent', bodyBytes),
    row('PostgreSQL', sumOf(bytes.postgres)),
    ...tables.map(([name, size]) => row(`  ${name}`, size)),
    row('ZeroDB, bodies and history', bytes.zerodb),
    row('BigQuery, uncompressed', bytes.bigquery),
  ])
}
