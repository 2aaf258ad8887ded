import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { maxMetricsPerLoad } from '../../../src/features/analytics/load-analytics.ts'
import { newId } from '../../../src/lib/id.ts'
import { createTestContents } from '../../support/contents.ts'
import { type CopiedGateway, startGateway, type TestTenant } from '../../support/gateway.ts'
import { metricOf } from '../../support/metrics.ts'
import { runProgram, storesOf, temporaryDirectory } from '../../support/program.ts'

/** The command over the stores of `gateway`: what it printed on both streams, and its exit code. */
async function load(gateway: CopiedGateway, args: string[], env = {}) {
  await using program = runProgram(['analytics', 'load', ...args], {
    ...storesOf(gateway),
    AUTH_ISSUER: 'nobody',
    AUTH_JWKS_URL: 'http://127.0.0.1:1/never-asked',
    ...env,
  })
  const code = await program.exited
  return { code, lines: program.output().trimEnd().split('\n') }
}

/** What the API tells of the first content, by name of the sum. */
async function totalsOf(gateway: CopiedGateway, tenant: TestTenant) {
  const { data } = await gateway.query<
    { contents: { nodes: { analytics: { totals: object } }[] } },
    object
  >(
    tenant,
    `{ contents(first: 1, orderBy: [{ field: TITLE, direction: ASC }]) { nodes {
         analytics(range: { from: "2026-10-01T00:00:00Z", to: "2026-11-15T00:00:00Z" }) {
           totals { impressions clicks avgWatchTime revenue custom }
         }
       } } }`,
  )
  return data?.contents.nodes[0]?.analytics.totals
}

test('a CSV file is loaded once, however often it is loaded', async () => {
  await using gateway = await startGateway({}, { bigquery: true })
  await using directory = await temporaryDirectory()
  const tenant = await gateway.newTenant()
  const [id = ''] = await createTestContents(gateway, tenant, 1)
  const { content_id } = metricOf(id, '')
  const file = join(directory.path, 'metrics.csv')
  await writeFile(
    file,
    `\uFEFFcontent_id,metric_date,metric_hour,platform,impressions,clicks,avg_watch_time,revenue,custom_metrics\r
${content_id},2026-11-02,9,INSTAGRAM,100,5,2.5,12.50,"{""saves_to_board"": 3, ""note"": ""a, b""}"\r
\r
${content_id},2026-11-02,,tiktok,,,,,\r
`,
  )
  const args = [file, '--tenant', tenant.id]

  expect(await load(gateway, [...args, '--dry-run'])).toEqual({
    code: 0,
    lines: ['0 metrics loaded, 2 sound and not loaded'],
  })
  expect(await load(gateway, args)).toEqual({ code: 0, lines: ['2 metrics loaded'] })
  expect(await load(gateway, args)).toEqual({
    code: 0,
    lines: ['0 metrics loaded, 2 loaded before; figures loaded since stay in force'],
  })
  expect(await totalsOf(gateway, tenant)).toEqual({
    impressions: 100,
    clicks: 5,
    avgWatchTime: 2.5,
    revenue: '12.500000',
    custom: { saves_to_board: 3 },
  })
})

test('a correction is taken back by loading the first file again, when told to', async () => {
  await using gateway = await startGateway({}, { bigquery: true })
  await using directory = await temporaryDirectory()
  const tenant = await gateway.newTenant()
  const [id = ''] = await createTestContents(gateway, tenant, 1)
  const [first, corrected] = [10, 99].map((impressions) => ({
    file: join(directory.path, `${impressions}.jsonl`),
    row: metricOf(id, '2026-11-02', { impressions }),
  }))
  for (const { file, row } of [first!, corrected!]) {
    await writeFile(file, JSON.stringify(row))
    expect((await load(gateway, [file, '--tenant', tenant.id])).code).toBe(0)
  }
  const args = [first!.file, '--tenant', tenant.id]

  await load(gateway, args)
  expect(await totalsOf(gateway, tenant)).toMatchObject({ impressions: 99 })
  expect(await load(gateway, [...args, '--again'])).toEqual({
    code: 0,
    lines: ['1 metrics loaded'],
  })
  expect(await totalsOf(gateway, tenant)).toMatchObject({ impressions: 10 })
})

test('a batch with a bad line is not loaded, the others are, and the lines are named', async () => {
  await using gateway = await startGateway({}, { bigquery: true })
  await using directory = await temporaryDirectory()
  const [tenant, other] = [await gateway.newTenant(), await gateway.newTenant()]
  const [id = ''] = await createTestContents(gateway, tenant, 1)
  const [foreign = ''] = await createTestContents(gateway, other, 1)
  const row = (index: number) =>
    metricOf(id, '2026-11-02', { source: `tool ${index}`, impressions: 1 })
  const sound = Array.from({ length: maxMetricsPerLoad }, (_, index) => row(index))
  const bad = [
    row(0),
    row(0),
    metricOf(foreign, '2026-11-02'),
    { ...row(1), impressions: -1, likes: 'many' },
    { ...row(2), password: 'x' },
  ]
  const lines = [...sound, ...bad].map((value) => JSON.stringify(value))
  const file = join(directory.path, 'metrics.jsonl')
  await writeFile(file, [...lines, '{"half":', ''].join('\n'))

  const { code, lines: told } = await load(gateway, [file, '--tenant', tenant.id])

  expect(code).toBe(1)
  const at = (index: number) => `line ${maxMetricsPerLoad + index}: `
  expect(told).toEqual([
    expect.stringContaining(`${at(2)}another row has the same content_id`),
    expect.stringContaining(`${at(3)}there is no content `),
    expect.stringMatching(`${at(4)}impressions: .*; likes: `),
    expect.stringContaining(`${at(5)}Unrecognized key: "password"`),
    `${at(6)}is no JSON`,
    '10000 metrics loaded, 6 lines refused for 5 bad ones among them',
  ])
  expect(await totalsOf(gateway, tenant)).toMatchObject({ impressions: maxMetricsPerLoad })
})

test('of many bad lines the first twenty are named and all are counted', async () => {
  await using gateway = await startGateway({}, { bigquery: true })
  await using directory = await temporaryDirectory()
  const tenant = await gateway.newTenant()
  const file = join(directory.path, 'metrics.csv')
  const header = 'content_id,metric_date,platform,impressions'
  const short = Array.from({ length: 25 }, () => 'too,short')
  await writeFile(file, [header, ...short, `${newId()},2026-02-30,myspace,1e3`].join('\n'))

  const { code, lines } = await load(gateway, [file, '--tenant', tenant.id])

  expect(code).toBe(1)
  expect(lines).toHaveLength(22)
  expect(lines[0]).toBe('line 2: has more or fewer values than the header has columns')
  expect(lines.slice(-2)).toEqual([
    'and 6 more bad lines',
    '0 metrics loaded, 26 lines refused for 26 bad ones among them',
  ])
})

test('what cannot be done exits with 2 and says why', async () => {
  await using gateway = await startGateway({}, { bigquery: true })
  await using directory = await temporaryDirectory()
  const tenant = await gateway.newTenant()
  const [id = ''] = await createTestContents(gateway, tenant, 1)
  const strange = join(directory.path, 'strange.csv')
  await writeFile(strange, 'content_id,metric_date,platform,Clicks,views\n')
  const double = join(directory.path, 'double.csv')
  await writeFile(double, 'content_id,metric_date,platform,clicks,Clicks\n')
  const sound = join(directory.path, 'sound.jsonl')
  await writeFile(sound, JSON.stringify(metricOf(id, '2026-11-02')))
  const nobody = newId()
  const tellsOf = async (args: string[]) => {
    const { code, lines } = await load(gateway, args)
    expect(code).toBe(2)
    return lines.at(-1)
  }

  expect(await tellsOf([sound, '--tenant', nobody])).toMatch(`There is no tenant ${nobody}.`)
  expect(await tellsOf(['none.csv', '--tenant', tenant.id])).toMatch('is no file')
  expect(await tellsOf(['README.md', '--tenant', tenant.id])).toMatch('.csv or .jsonl')
  expect(await tellsOf([strange, '--tenant', tenant.id])).toMatch('the header has views; columns')
  expect(await tellsOf([double, '--tenant', tenant.id])).toMatch('the header has clicks twice')
  gateway.bigquery.faults.add({ kind: 'status', status: 403, operation: 'load' })
  expect(await tellsOf([sound, '--tenant', tenant.id])).toMatch('Could not load metrics: BigQuery')
  gateway.bigquery.faults.clear()
  // A job that failed is no obstacle to the next one with the same rows.
  gateway.bigquery.faults.add({ kind: 'badRows', operation: 'load' })
  expect(await tellsOf([sound, '--tenant', tenant.id])).toMatch('_1 failed')
  gateway.bigquery.faults.clear()
  expect((await load(gateway, [sound, '--tenant', tenant.id])).lines).toEqual(['1 metrics loaded'])
})
