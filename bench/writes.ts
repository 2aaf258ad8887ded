import { randomUUID } from 'node:crypto'
import { sampleContents } from './contents.ts'
import { ask, type Endpoint } from './pages.ts'
import { startProgram } from './program.ts'
import { gateway } from './scenarios.ts'
import type { World } from './world.ts'

export interface WriteOptions {
  /** Of each kind. */
  writes: number
  bodySize: number
  nodeFlags: readonly string[]
  onProgress: (line: string) => void
  signal: AbortSignal
}

/** What a client does to one content; each of them makes a version. */
export const writeKinds = ['body', 'metadata', 'status'] as const
export type WriteKind = (typeof writeKinds)[number]

/** Milliseconds of each request, in the order they were made. */
export type WriteTimes = Record<WriteKind | 'insert', number[]>

/** What every call of ZeroDB takes longer: far more than all the rest, so that a second trip shows. */
export const zerodbLatencyMs = 100
/** Without the latency, and enough for node to compile what is measured afterwards. */
const warmUpTurns = 40

/**
 * One client, one connection, one content. Each turn measures a plain insert into ZeroDB, which is the
 * round trip no write can do without, and one write of each kind: a machine that gets slower is unfair
 * to none of them.
 */
export async function measureWrites(world: World, options: WriteOptions): Promise<WriteTimes> {
  const { writes, bodySize, nodeFlags, onProgress, signal } = options
  await using program = await startProgram({ ...gateway(world, 64), nodeFlags })
  const endpoint = { url: program.url, token: world.token }
  const contents = [...sampleContents(warmUpTurns + writes, 20_261_121, bodySize)]
  const ref = { id: await write(endpoint, createContent, { input: firstDraft }) }
  const times: WriteTimes = { insert: [], body: [], metadata: [], status: [] }
  await world.slowDownZeroDb('*', 0)
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
    if (done % 10 === 0 || done === writes) onProgress(`writes: ${done}/${writes} of each kind`)
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
  const text = await ask(endpoint, JSON.stringify({ query: mutation, variables }))
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
