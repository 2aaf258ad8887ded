import pg from 'pg'
import { sampleContents } from '../contents.ts'
import { median, tenths } from '../figures.ts'
import type { LoadOrder } from '../load-generator.ts'
import { ask } from '../pages.ts'
import { type Program, startProgram } from '../program.ts'
import { gateway } from '../contenders.ts'
import type { Bench, Section, SectionResult, Target } from '../section.ts'
import { renderTable } from '../table.ts'
import type { World } from '../world.ts'

const baseCount = 10_000
/** Few, so that a request's time is its own work and not the wait for the processor. */
const clients = 4
const placesPerQuery = 60

const timesBase = 1.2
const timesUncounted = 1.5

/** Whether a list takes longer the more contents a tenant has. */
export const scale: Section = {
  name: 'scale',
  about: '20 contents by preview at random places, of a tenant with ever more of them',
  run: measureScale,
}

/** A list that is asked for, as the API and as SQL name what is in it. */
interface Query {
  name: string
  where: object
  sql: string
  counted: boolean
  /** Of a promise; the others are only told. */
  promised: boolean
}

const everything = { where: {}, sql: 'true' }
const tagged = { where: { tags: { hasAny: ['tag-3'] } }, sql: `tags && '{tag-3}'` }

const queries: readonly Query[] = [
  { name: 'all', ...everything, counted: false, promised: true },
  { name: 'a tag, one in four', ...tagged, counted: false, promised: true },
  {
    name: 'a status, a fifth',
    where: { status: ['DRAFT'] },
    sql: `status = 'draft'`,
    counted: false,
    promised: true,
  },
  {
    name: 'a rare tag, 1 in 1,000',
    where: { tags: { hasAny: ['rare'] } },
    sql: `tags && '{rare}'`,
    counted: false,
    promised: false,
  },
  { name: 'all, counted to 1,000', ...everything, counted: true, promised: true },
  { name: 'a tag, counted to 1,000', ...tagged, counted: true, promised: false },
]

/** A tenant of one size, with its own PostgreSQL, and the requests it is asked. */
interface Tenant {
  count: number
  program: Program
  token: string
  requests: Record<string, LoadOrder['requests']>
}

/** p95 in milliseconds, by round, of each query and each number of contents. */
type Rounds = Record<string, Record<number, number[]>>

async function measureScale(bench: Bench): Promise<SectionResult> {
  const counts = bench.quick ? [baseCount, 100_000] : [baseCount, 100_000, 1_000_000]
  const rounds = bench.options.rounds ?? (bench.quick ? 3 : 7)
  await using opened = new AsyncDisposableStack()
  const tenants: Tenant[] = []
  for (const count of counts) tenants.push(await openTenant(bench, opened, count))
  const p95: Rounds = {}
  // The sizes take turns, so that a machine that gets slower is unfair to none of them.
  for (let round = 0; round <= rounds; round++) {
    for (const { name } of queries) {
      for (const { count, program, token, requests } of tenants) {
        bench.signal.throwIfAborted()
        const result = await bench.load.run({
          url: program.url,
          token,
          requests: requests[name] ?? [],
          connections: clients,
          durationMs: bench.quick ? 1_000 : 2_000,
        })
        if (result.errors > 0) throw new Error(`scale: ${result.errors} wrong answers to: ${name}`)
        // The first round warms up.
        if (round > 0) ((p95[name] ??= {})[count] ??= []).push(result.p95Ms)
      }
    }
    if (round > 0) bench.progress(`scale: round ${round}/${rounds}`)
  }
  return { table: render(p95, counts), targets: targetsOf(p95, counts), figures: { p95 } }
}

async function openTenant(
  bench: Bench,
  opened: AsyncDisposableStack,
  count: number,
): Promise<Tenant> {
  const world = opened.use(await bench.openWorld())
  const admin = new pg.Client(world.adminUrl)
  await admin.connect()
  try {
    await fill(admin, world, count)
    await world.settle()
    bench.progress(`scale: a tenant with ${count} contents is there`)
    const program = opened.use(await startProgram(gateway(world, 0)))
    const requests: Tenant['requests'] = {}
    for (const query of queries) {
      requests[query.name] = await findRequests(admin, world, program, query)
    }
    return { count, program, token: world.token, requests }
  } finally {
    await admin.end()
  }
}

/** What titles and previews are cut from. */
const sourceCharacters = 4_000

/** Rows alone: a list by preview needs no bodies. The same rows for the same number. */
const fillSql = `
  insert into content_items (tenant_id, id, title, content_type, status, tags, preview, body_format,
    zerodb_id, version, storage_size_bytes, body_encoding, sha256, created_at, updated_at, published_at)
  select $1, uuidv7(shift), substr($2::text, 1 + h % 3900, 40) || ' no. ' || i,
    (array['post', 'story', 'ad', 'article', 'tweet', 'video', 'reel'])[1 + h % 7],
    status, tags, substr($2::text, 1 + h % 3700, 200), 'html', uuidv7(shift), 1, 1000 + h % 20000,
    'utf-8', repeat('0', 64), now() + shift, now() + shift,
    case when status = 'published' then now() + shift end
  from (
    select i, h, make_interval(secs => i - $3) as shift,
      (array['published', 'published', 'published', 'draft', 'archived'])[1 + h / 7 % 5] as status,
      array['tag-' || h / 35 % 8, 'tag-' || h / 280 % 8]
        || case when i % 1000 = 500 then '{rare}'::text[] else '{}' end as tags
    from (
      select i, (hashint8extended(i, 20261120) & 1073741823)::int as h
      from generate_series(1, $3::int) i
    ) seeds
  ) drafts`

async function fill(admin: pg.Client, { tenantId }: World, count: number): Promise<void> {
  const [sample] = sampleContents(1, 20_261_120, sourceCharacters * 20)
  await admin.query(fillSql, [tenantId, sample?.body.raw.slice(0, sourceCharacters), count])
}

/** Each begins after another content, anywhere in the list. */
async function findRequests(
  admin: pg.Client,
  { tenantId, token }: World,
  { url }: Program,
  query: Query,
): Promise<LoadOrder['requests']> {
  const { rows } = await admin.query<{ id: string; created_at: Date }>(
    `select id, created_at from content_items where tenant_id = $1 and ${query.sql}
     order by hashtextextended(title, 20261120) limit ${placesPerQuery}`,
    [tenantId],
  )
  const requests = []
  for (const { id, created_at: createdAt } of rows) {
    const cursor = JSON.stringify(['CREATED_AT:desc', createdAt, id])
    const variables = { where: query.where, after: Buffer.from(cursor).toString('base64url') }
    const body = JSON.stringify({ query: documentOf(query), variables })
    const answer = await ask({ url, token }, body)
    if (!answer.startsWith('{"data"')) throw new Error(`a list was refused: ${answer}`)
    requests.push({ body, answerBytes: Buffer.byteLength(answer) })
  }
  return requests
}

function documentOf({ counted }: Query): string {
  return `query Contents($where: ContentWhere, $after: String) {
    contents(first: 20, after: $after, where: $where) {
      nodes { id title type status createdAt updatedAt tags preview }
      pageInfo { hasNextPage endCursor }
      ${counted ? 'totalCount(mode: CAPPED) { value isExact }' : ''}
    }
  }`
}

/** The median over the rounds of how many times as long one takes as the other. */
function ratioOf(above: readonly number[] = [], below: readonly number[] = []): number {
  return median(above.map((value, round) => value / (below[round] ?? Number.NaN)))
}

function targetsOf(p95: Rounds, counts: readonly number[]): Target[] {
  const largest = counts.at(-1) ?? baseCount
  const grown = queries
    .filter(({ promised, counted }) => promised && !counted)
    .map(({ name }) => ({
      what: `scale: ${name}, p95 at ${largest.toLocaleString('en')} ÷ at 10,000`,
      measured: ratioOf(p95[name]?.[largest], p95[name]?.[baseCount]),
      relation: '≤' as const,
      target: timesBase,
    }))
  return [
    ...grown,
    {
      what: 'scale: counted to 1,000 ÷ not counted, p95 at the largest',
      measured: ratioOf(p95['all, counted to 1,000']?.[largest], p95['all']?.[largest]),
      relation: '≤',
      target: timesUncounted,
    },
  ]
}

function render(p95: Rounds, counts: readonly number[]): string {
  const largest = counts.at(-1) ?? baseCount
  return renderTable(`scale: ${scale.about}; p95 ms, ${clients} clients`, [
    ['', ...counts.map((count) => count.toLocaleString('en')), 'largest ÷ 10,000'],
    ...queries.map(({ name }) => [
      name,
      ...counts.map((count) => tenths(median(p95[name]?.[count] ?? []))),
      ratioOf(p95[name]?.[largest], p95[name]?.[baseCount]).toFixed(2),
    ]),
  ])
}
