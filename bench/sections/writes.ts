import { randomUUID } from 'node:crypto'
import { gateway } from '../contenders.ts'
import { sampleContents } from '../contents.ts'
import { ask, type Endpoint, requestBody } from '../pages.ts'
import { profileFlags, startProgram } from '../program.ts'
import type { Bench, Section } from '../section.ts'
import { renderTable } from '../table.ts'
import type { World } from '../world.ts'

/** What a client does to one content; each of them makes a version. */
const titles = {
  body: 'new body',
  metadata: 'new title and tags',
  status: 'publish, unpublish',
} as const
type WriteKind = keyof typeof titles
const writeKinds = Object.keys(titles) as WriteKind[]

/** Milliseconds of each request, in the order they were made. */
type WriteTimes = Record<WriteKind | 'insert', number[]>

/** What every call of ZeroDB takes longer: far more than all the rest, so that a second trip shows. */
const zerodbLatencyMs = 100
/** Without the latency, and enough for node to compile what is measured afterwards. */
const warmUpTurns = 40

export const writes: Section = {
  name: 'writes',
  about: `one content, one client, ZeroDB ${zerodbLatencyMs} ms slower`,
  async run(bench) {
    const times = await measureWrites(bench)
    const roundTrip = percentilesOf(times.insert)
    const kinds = writeKinds.map((kind) => {
      const own = times[kind].map((ms) => ms - roundTrip.p50Ms)
      return { kind, request: percentilesOf(times[kind]), own: percentilesOf(own) }
    })
    const rows = kinds.map(({ kind, request, own }) => [
      titles[kind],
      ...cells(request),
      ...cells(own),
    ])
    const { name, about } = this
    return {
      table: renderTable(`${name}: ${about}, ${times.insert.length} of each kind`, [
        ['', 'p50 ms', 'p95 ms', 'own p50', 'own p95'],
        ['ZeroDB round trip', ...cells(roundTrip)],
        ...rows,
      ]),
      targets: kinds.map(({ kind, own }) => ({
        what: `${name}: ${titles[kind]}, own ms`,
        measured: own.p50Ms,
        relation: '≤',
        target: 25,
      })),
      figures: { zerodbLatencyMs, roundTrip, kinds, times },
    }
  },
}

interface Percentiles {
  p50Ms: number
  p95Ms: number
}

function percentilesOf(values: readonly number[]): Percentiles {
  const sorted = values.toSorted((a, b) => a - b)
  const nearestRank = (share: number) => sorted[Math.ceil(share * sorted.length) - 1] ?? Number.NaN
  return { p50Ms: nearestRank(0.5), p95Ms: nearestRank(0.95) }
}

function cells({ p50Ms, p95Ms }: Percentiles): string[] {
  return [p50Ms.toFixed(1), p95Ms.toFixed(1)]
}

/**
 * One client, one connection, one content. Each turn measures a plain insert into ZeroDB, which is the
 * round trip no write can do without, and one write of each kind: a machine that gets slower is unfair
 * to none of them.
 */
async function measureWrites(bench: Bench): Promise<WriteTimes> {
  const { signal, progress, options } = bench
  const count = bench.quick ? 24 : 100
  await using world = await bench.openWorld()
  const nodeFlags = profileFlags(options.profileDir, 'writes-gateway')
  await using program = await startProgram({ ...gateway(world, 64), nodeFlags })
  const endpoint = { url: program.url, token: world.token }
  const contents = [...sampleContents(warmUpTurns + count, 20_261_121, options.bodySize)]
  const ref = { id: await write(endpoint, createContent, { input: firstDraft }) }
  const times: WriteTimes = { insert: [], body: [], metadata: [], status: [] }
  for (const [turn, { title, tags, body }] of contents.entries()) {
    signal.throwIfAborted()
    if (turn === warmUpTurns) await world.slowDownZeroDb('*', zerodbLatencyMs)
    const changeStatus = turn % 2 === 0 ? publishContent : unpublishContent
    const measured: Record<keyof WriteTimes, number> = {
      insert: await timed(() => insertRow(world.zerodb, body.raw)),
      body: await timed(() => write(endpoint, updateContent, { input: { ref, body } })),
      metadata: await timed(() => write(endpoint, updateContent, { input: { ref, title, tags } })),
      status: await timed(() => write(endpoint, changeStatus, { ref })),
    }
    if (turn < warmUpTurns) continue
    for (const name of ['insert', ...writeKinds] as const) times[name].push(measured[name])
    const done = turn - warmUpTurns + 1
    if (done % 10 === 0 || done === count) progress(`writes: ${done}/${count} of each kind`)
  }
  return times
}

const firstDraft = { title: 'First draft', status: 'DRAFT', body: { raw: '' } }

interface WriteAnswer {
  data?: { write: { content?: { id: string } } } | null
}

const result = `{
  ... on ContentSuccess { content { id title status version updatedAt } }
  ... on Error { message }
}`
const createContent = `mutation Create($input: CreateContentInput!) { write: createContent(input: $input) ${result} }`
const updateContent = `mutation Update($input: UpdateContentInput!) { write: updateContent(input: $input) ${result} }`
const publishContent = `mutation Publish($ref: ContentRef!) { write: publishContent(ref: $ref) ${result} }`
const unpublishContent = `mutation Unpublish($ref: ContentRef!) { write: unpublishContent(ref: $ref) ${result} }`

/** The content's id. */
async function write(endpoint: Endpoint, mutation: string, variables: object): Promise<string> {
  const text = await ask(endpoint, requestBody(mutation, variables))
  const answer = JSON.parse(text) as WriteAnswer
  if (answer.data?.write.content) return answer.data.write.content.id
  throw new Error(`a write was refused: ${text.slice(0, 500)}`)
}

async function timed(call: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now()
  await call()
  return performance.now() - startedAt
}

/** Of a tenant that nobody reads. */
async function insertRow({ url, projectId, apiKey }: World['zerodb'], text: string): Promise<void> {
  const path = `/api/v1/projects/${projectId}/database/tables/content_items/rows`
  const row = { id: randomUUID(), tenant_id: randomUUID(), content_body: text }
  const response = await fetch(`${url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-api-key': apiKey },
    body: JSON.stringify({ row_data: row }),
  })
  const answer = await response.text()
  if (!response.ok) throw new Error(`ZeroDB answered ${response.status}: ${answer}`)
}
