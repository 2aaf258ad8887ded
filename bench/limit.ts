import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { zstdDecompressSync } from 'node:zlib'
import pg from 'pg'
import { Pool } from 'undici'
import { pageSize } from './pages.ts'

/**
 * What is the least this page can cost in Node? The same two calls to the stores and the same bytes
 * out, written by hand for this one query: no GraphQL, no token, no row-level security, no checksum,
 * no deadline, no breaker, nothing counted, nothing logged.
 */
export interface LimitSettings {
  tenantId: string
  readerUrl: string
  zerodb: { url: string; projectId: string; apiKey: string }
  /** Keep every body for ever once it was read. */
  keepBodies: boolean
}

interface Row {
  id: string
  title: string
  content_type: string
  status: string
  created_at: Date
  updated_at: Date
  tags: string[]
  preview: string
  zerodb_id: string
}

interface BodyRow {
  row_data: { id: string; content_body: string; storage_metadata: { encoding: string } }
}

const { tenantId, readerUrl, zerodb, keepBodies } = JSON.parse(
  process.argv[2] ?? '',
) as LimitSettings

const postgres = new pg.Pool({ connectionString: readerUrl, max: 10, options: '-c timezone=UTC' })
const bodies = new Pool(zerodb.url, { connections: 16 })
const bodiesPath = `/api/v1/projects/${zerodb.projectId}/database/tables/content_items/query`
const bodiesHeaders = { 'x-api-key': zerodb.apiKey, 'content-type': 'application/json' }
const kept = new Map<string, string>()

const columns = 'id, title, content_type, status, created_at, updated_at, tags, preview, zerodb_id'
const contents = `select ${columns} from content_items where tenant_id = $1 and deleted_at is null`
const order = `order by created_at desc, id desc limit ${pageSize + 1}`
const firstPage = { name: 'first', text: `${contents} ${order}` }
const laterPage = { name: 'later', text: `${contents} and (created_at, id) < ($2, $3) ${order}` }

async function listRows(after: string | null): Promise<Row[]> {
  if (after === null) return (await postgres.query<Row>({ ...firstPage, values: [tenantId] })).rows
  const [, createdAt, id] = JSON.parse(Buffer.from(after, 'base64url').toString()) as string[]
  return (await postgres.query<Row>({ ...laterPage, values: [tenantId, createdAt, id] })).rows
}

async function readBodies(ids: readonly string[]): Promise<Map<string, string>> {
  if (keepBodies && ids.every((id) => kept.has(id))) return kept
  const { body } = await bodies.request({
    method: 'POST',
    path: bodiesPath,
    headers: bodiesHeaders,
    body: JSON.stringify({
      filter: { id: { $in: ids }, tenant_id: tenantId },
      limit: 1000,
      skip: 0,
    }),
  })
  const { data } = (await body.json()) as { data: BodyRow[] }
  const found = keepBodies ? kept : new Map<string, string>()
  for (const { row_data: row } of data) {
    const packed = row.storage_metadata.encoding === 'zstd+base64'
    found.set(row.id, packed ? unpack(row.content_body) : row.content_body)
  }
  return found
}

function unpack(packed: string): string {
  return zstdDecompressSync(Buffer.from(packed, 'base64')).toString()
}

async function answer(request: IncomingMessage): Promise<string> {
  const { variables } = JSON.parse(await text(request)) as { variables: { after: string | null } }
  const rows = await listRows(variables.after)
  const hasNextPage = rows.length > pageSize
  if (hasNextPage) rows.pop()
  const raw = await readBodies(rows.map((row) => row.zerodb_id))
  const nodes = rows.map((row) => ({
    id: Buffer.from(`1:Content:${row.id}`).toString('base64url'),
    title: row.title,
    type: row.content_type.toUpperCase(),
    status: row.status.toUpperCase(),
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    tags: row.tags,
    preview: row.preview,
    body: { raw: raw.get(row.zerodb_id) },
  }))
  const pageInfo = { hasNextPage, endCursor: cursorOf(rows.at(-1)) }
  const extensions = { cost: costOf(nodes.length) }
  return JSON.stringify({ data: { contents: { nodes, pageInfo } }, extensions })
}

/** As the gateway reports it where nobody is limited. */
function costOf(nodes: number) {
  const most = 2 ** 31 - 1
  const [requested, actual] = [2 + 3 * pageSize, 2 + 3 * nodes]
  return { requested, actual, limit: most, remaining: most, restorePerSecond: most }
}

function cursorOf(row: Row | undefined): string | null {
  if (!row) return null
  const values = ['CREATED_AT:desc', row.created_at, row.id]
  return Buffer.from(JSON.stringify(values)).toString('base64url')
}

const server = createServer((request, response) => {
  answer(request).then(
    (json) => {
      // As a buffer: node writes a large string that is not ASCII at half the speed.
      const body = Buffer.from(json)
      const headers = { 'content-type': 'application/json', 'content-length': body.length }
      response.writeHead(200, headers).end(body)
    },
    (error: unknown) => {
      process.stderr.write(`${String(error)}\n`)
      response.writeHead(500).end()
    },
  )
})
server.listen(0, '127.0.0.1')
await once(server, 'listening')
process.once('SIGTERM', () => process.exit())
const { port } = server.address() as AddressInfo
process.stdout.write(`${JSON.stringify({ url: `http://127.0.0.1:${port}` })}\n`)
