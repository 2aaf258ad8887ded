import { fileURLToPath } from 'node:url'
import { sampleContents, type SampleContent } from '../contents.ts'
import { median, tenths } from '../figures.ts'
import type { LoadOrder, LoadResult } from '../load-generator.ts'
import { ask, type Endpoint } from '../pages.ts'
import { profileFlags, startProgram } from '../program.ts'
import { gateway } from '../contenders.ts'
import type { Bench, Section, SectionResult, Target } from '../section.ts'
import { renderTable } from '../table.ts'
import type { World } from '../world.ts'
import type { WriteLimitSettings } from '../write-limit.ts'

const createsPerSecond = 100
const zerodbMs = 100
/** Each create inserts two documents, so 20 of its calls are under way all the time. */
const inFlight = 48
const clients = 16
const batchClients = 2
const batchSize = 50

const steadyP95Ms = 300
const partOfLimit = 0.5

/** Many who write to one tenant at a time. */
export const sustainedWrites: Section = {
  name: 'sustained-writes',
  about: 'many clients write contents of about 6,000 characters for one tenant',
  run: measureSustainedWrites,
}

interface Figures {
  steady: LoadResult
  creates: { gateway: LoadResult; limit: LoadResult }[]
  updates: LoadResult
  batches: LoadResult
}

type Requests = LoadOrder['requests']

async function measureSustainedWrites(bench: Bench): Promise<SectionResult> {
  const { quick, load, signal, progress, options } = bench
  await using world = await bench.openWorld()
  const nodeFlags = profileFlags(options.profileDir, 'sustained-writes')
  const { command, env } = gateway(world, 64)
  const contender = { command, env: { ...env, ZERODB_MAX_IN_FLIGHT: String(inFlight) }, nodeFlags }
  await using program = await startProgram(contender)
  await using limit = await startProgram(writeLimit(world))
  const endpoint = { url: program.url, token: world.token }
  const contents = [...sampleContents(400, 20_261_122, options.bodySize)]
  const press = async (name: string, order: Omit<LoadOrder, 'token'>) => {
    signal.throwIfAborted()
    const result = await load.run({ ...order, token: world.token })
    progress(`sustained-writes: ${name}: ${tenths(result.perSecond)}/s, ${result.errors} errors`)
    if (result.errorExample !== undefined) progress(`sustained-writes: ${result.errorExample}`)
    return result
  }
  const durationMs = quick ? 2_000 : 5_000
  const closed = { connections: clients, durationMs }

  const creates = await requestsOf(endpoint, contents.map(createRequest))
  const limitCreates = await requestsOf(
    { ...endpoint, url: limit.url },
    contents.map(createRequest),
  )
  const atGateway = { ...closed, url: program.url, requests: creates }
  const atLimit = { ...closed, url: limit.url, requests: limitCreates }
  await press('warm-up', atGateway)
  await press('warm-up of the limit', atLimit)

  await world.slowDownZeroDb('*', zerodbMs)
  const steady = await press(`${createsPerSecond} creates a second`, {
    ...atGateway,
    perSecond: createsPerSecond,
    durationMs: quick ? 10_000 : 60_000,
  })
  await world.slowDownZeroDb('*', 0)

  const rounds: Figures['creates'] = []
  for (let round = 1; round <= (options.rounds ?? (quick ? 3 : 7)); round++) {
    rounds.push({
      gateway: await press(`creates, round ${round}`, atGateway),
      limit: await press(`creates, round ${round}, limit`, atLimit),
    })
  }
  const updates = await press('updates', {
    ...atGateway,
    requests: await requestsOf(endpoint, await updateRequests(endpoint, contents)),
  })
  const batches = await press(`batches of ${batchSize}`, {
    ...atGateway,
    connections: batchClients,
    requests: await requestsOf(endpoint, batchRequests(contents)),
  })
  const figures: Figures = { steady, creates: rounds, updates, batches }
  return { table: render(figures), targets: targetsOf(figures), figures }
}

function writeLimit({ tenantId, adminUrl, zerodb }: World) {
  const settings: WriteLimitSettings = { tenantId, adminUrl, zerodb }
  const program = fileURLToPath(new URL('../write-limit.ts', import.meta.url))
  return { command: [program, JSON.stringify(settings)], env: { NODE_ENV: 'production' } }
}

const createDocument = `mutation Create($input: CreateContentInput!) {
  write: createContent(input: $input) { ... on ContentSuccess { content { id } } ... on Error { message } }
}`
const updateDocument = `mutation Update($input: UpdateContentInput!) {
  write: updateContent(input: $input) { ... on ContentSuccess { content { id } } ... on Error { message } }
}`
const batchDocument = `mutation CreateMany($inputs: [CreateContentInput!]!) {
  write: createContents(inputs: $inputs) { ... on ContentBatchSuccess { succeeded } ... on Error { message } }
}`

function createRequest(input: SampleContent): string {
  return JSON.stringify({ query: createDocument, variables: { input } })
}

/** Each changes the body of another content, and later, in a second turn, back to the first one. */
async function updateRequests(
  endpoint: Endpoint,
  contents: readonly SampleContent[],
): Promise<string[]> {
  const half = contents.length >> 1
  const written: { id: string; bodies: [SampleContent['body'], SampleContent['body']] }[] = []
  for (const [index, content] of contents.slice(0, half).entries()) {
    const answer = JSON.parse(await ask(endpoint, createRequest(content))) as CreateAnswer
    const other = contents[half + index] ?? content
    written.push({ id: answer.data.write.content.id, bodies: [other.body, content.body] })
  }
  return [0, 1].flatMap((turn) =>
    written.map(({ id, bodies }) => {
      const input = { ref: { id }, body: bodies[turn] }
      return JSON.stringify({ query: updateDocument, variables: { input } })
    }),
  )
}

interface CreateAnswer {
  data: { write: { content: { id: string } } }
}

function batchRequests(contents: readonly SampleContent[]): string[] {
  const starts = contents.keys().filter((index) => index % batchSize === 0)
  return [...starts].map((start) => {
    const inputs = contents.slice(start, start + batchSize)
    return JSON.stringify({ query: batchDocument, variables: { inputs } })
  })
}

/** With the size of the answer to the first: that of an answer which says that it was done. */
async function requestsOf(endpoint: Endpoint, bodies: readonly string[]): Promise<Requests> {
  const answer = await ask(endpoint, bodies[0] ?? '')
  if (!/"(content|succeeded)":/.test(answer)) throw new Error(`a write was refused: ${answer}`)
  const answerBytes = Buffer.byteLength(answer)
  return bodies.map((body) => ({ body, answerBytes }))
}

function ratioOf({ creates }: Figures): number {
  return median(creates.map((round) => round.gateway.perSecond / round.limit.perSecond))
}

function targetsOf(figures: Figures): Target[] {
  const { steady, creates, updates, batches } = figures
  const results = [steady, updates, batches, ...creates.flatMap((round) => Object.values(round))]
  return [
    {
      what: `sustained-writes: ${createsPerSecond} creates/s, ZeroDB ${zerodbMs} ms slower, p95 ms`,
      measured: steady.p95Ms,
      relation: '≤',
      target: steadyP95Ms,
    },
    {
      what: 'sustained-writes: creates/s as a part of the limit',
      measured: ratioOf(figures),
      relation: '≥',
      target: partOfLimit,
    },
    {
      what: 'sustained-writes: errors',
      measured: results.reduce((sum, { errors }) => sum + errors, 0),
      relation: '≤',
      target: 0,
    },
  ]
}

function render(figures: Figures): string {
  const { steady, creates, updates, batches } = figures
  const row = (name: string, results: readonly LoadResult[], contents = 1) => {
    const middle = (of: (result: LoadResult) => number) => tenths(median(results.map(of)))
    const errors = results.reduce((sum, result) => sum + result.errors, 0)
    return [
      name,
      middle(({ perSecond }) => contents * perSecond),
      middle(({ p50Ms }) => p50Ms),
      middle(({ p95Ms }) => p95Ms),
      middle(({ p99Ms }) => p99Ms),
      String(errors),
    ]
  }
  const table = renderTable(`sustained-writes: ${sustainedWrites.about}`, [
    ['', 'contents/s', 'p50 ms', 'p95 ms', 'p99 ms', 'errors'],
    row(`create, ${createsPerSecond}/s asked for, ZeroDB ${zerodbMs} ms slower`, [steady]),
    row(
      `create, ${clients} clients`,
      creates.map((round) => round.gateway),
    ),
    row(
      `create, ${clients} clients, the limit`,
      creates.map((round) => round.limit),
    ),
    row(`update of a body, ${clients} clients`, [updates]),
    row(`create ${batchSize} at once, ${batchClients} clients`, [batches], batchSize),
  ])
  return `${table}  create: ratio ${ratioOf(figures).toFixed(2)}, the median of the rounds\n`
}
