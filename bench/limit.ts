import type { IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { zstdDecompressSync } from 'node:zlib'
import pg from 'pg'
import { Pool } from 'undici'
import { JsonText, toJsonBytes } from '../src/lib/json-text.ts'
import { pageSize } from './pages.ts'
import { serveJson } from './serve.ts'

/**
 * What is the least such an answer can cost in Node? The same calls to the stores and the same bytes
 * out, written by hand for one query each: no GraphQL, no token, no row-level security, no checksum, no
 * deadline, no breaker, nothing counted, nothing logged.
 */
export interface LimitSettings {
  /** What it answers: a page of the list with bodies or without, or one content. */
  page: 'list' | 'preview' | 'single'
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

interface SingleRow {
  id: string
  title: string
  status: string
  tags: string[]
  zerodb_id: string
  storage_size_bytes: string
  sha256: string
  body_encoding: string
  body_format: keyof typeof mimeTypes
}

const mimeTypes = {
  text: 'text/plain',
  markdown: 'text/markdown',
  html: 'text/html',
  json: 'application/json',
}

interface VersionRow {
  version_number: number
  change_type: string
  size_bytes: string
}

interface BodyRow {
  row_data: { id: string; content_body: string; storage_metadata: { encoding: string } }
}

interface Variables {
  after: string | null
  id: string
}

const { page, tenantId, readerUrl, zerodb, keepBodies } = JSON.parse(
  process.argv[2] ?? '',
) as LimitSettings

const postgres = new pg.Pool({ connectionString: readerUrl, max: 10, options: '-c timezone=UTC' })
const bodies = new Pool(zerodb.url, { connections: 16 })
const bodiesPath = `/api/v1/projects/${zerodb.projectId}/database/tables/content_items/query`
const bodiesHeaders = { 'x-api-key': zerodb.apiKey, 'content-type': 'application/json' }
/** As the JSON they are sent as. */
const kept = new Map<string, JsonText>()

const columns = 'id, title, content_type, status, created_at, updated_at, tags, preview, zerodb_id'
const contents = `select ${columns} from content_items where tenant_id = $1 and deleted_at is null`
const order = `order by created_at desc, id desc limit ${pageSize + 1}`
const firstPage = { name: 'first', text: `${contents} ${order}` }
const laterPage = { name: 'later', text: `${contents} and (created_at, id) < ($2, $3) ${order}` }
const oneContent = {
  name: 'single',
  text: `select id, title, status, tags, zerodb_id, storage_size_bytes, sha256, body_encoding, body_format
    from content_items where tenant_id = $1 and id = $2`,
}
/** A call of its own, as it is the gateway's: versions are asked for when their content has been found. */
const latestVersions = {
  name: 'versions',
  text: `select version_number, change_type, size_bytes from content_versions
    where tenant_id = $1 and content_id = $2 order by version_number desc limit 3`,
}

async function answerList({ after }: Variables) {
  const rows = await listRows(after)
  const hasNextPage = rows.length > pageSize
  if (hasNextPage) rows.pop()
  const raw = page === 'list' ? await readBodies(rows.map((row) => row.zerodb_id)) : undefined
  const nodes = rows.map((row) => ({
    id: globalId(row.id),
    title: row.title,
    type: row.content_type.toUpperCase(),
    status: row.status.toUpperCase(),
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    tags: row.tags,
    preview: row.preview,
    body: raw && { raw: raw.get(row.zerodb_id) },
  }))
  const pageInfo = { hasNextPage, endCursor: cursorOf(rows.at(-1)) }
  const each = page === 'list' ? 3 : 1
  const cost = costOf(2 + each * pageSize, 2 + each * nodes.length)
  return { data: { contents: { nodes, pageInfo } }, extensions: { cost } }
}

async function listRows(after: string | null): Promise<Row[]> {
  if (after === null) return (await postgres.query<Row>({ ...firstPage, values: [tenantId] })).rows
  const [, createdAt, id] = JSON.parse(Buffer.from(after, 'base64url').toString()) as string[]
  return (await postgres.query<Row>({ ...laterPage, values: [tenantId, createdAt, id] })).rows
}

async function answerSingle({ id }: Variables) {
  const [, , uuid] = Buffer.from(id, 'base64url').toString().split(':')
  const { rows } = await postgres.query<SingleRow>({ ...oneContent, values: [tenantId, uuid] })
  const [row] = rows
  if (!row) throw new Error(`there is no content ${uuid}`)
  const [raw, versions] = await Promise.all([
    readBodies([row.zerodb_id]),
    postgres.query<VersionRow>({ ...latestVersions, values: [tenantId, uuid] }),
  ])
  const content = {
    id,
    title: row.title,
    status: row.status.toUpperCase(),
    tags: row.tags,
    body: { raw: raw.get(row.zerodb_id) },
    storage: {
      sizeBytes: row.storage_size_bytes,
      checksum: row.sha256,
      encoding: row.body_encoding,
      mimeType: mimeTypes[row.body_format],
    },
    versions: {
      nodes: versions.rows.map((version) => ({
        versionNumber: version.version_number,
        changeType: version.change_type.toUpperCase(),
        sizeBytes: version.size_bytes,
      })),
    },
  }
  return { data: { content }, extensions: { cost: costOf(8, 5 + versions.rows.length) } }
}

async function readBodies(ids: readonly string[]): Promise<Map<string, JsonText | string>> {
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
  const found = new Map<string, string>()
  for (const { row_data: row } of data) {
    const packed = row.storage_metadata.encoding === 'zstd+base64'
    found.set(row.id, packed ? unpack(row.content_body) : row.content_body)
  }
  if (!keepBodies) return found
  for (const [id, body] of found) kept.set(id, new JsonText(body))
  return readBodies(ids)
}

function unpack(packed: string): string {
  return zstdDecompressSync(Buffer.from(packed, 'base64')).toString()
}

/** As the gateway reports it where nobody is limited. */
function costOf(requested: number, actual: number) {
  const most = 2 ** 31 - 1
  return { requested, actual, limit: most, remaining: most, restorePerSecond: most }
}

function globalId(uuid: string): string {
  return Buffer.from(`1:Content:${uuid}`).toString('base64url')
}

function cursorOf(row: Row | undefined): string | null {
  if (!row) return null
  const values = ['CREATED_AT:desc', row.created_at, row.id]
  return Buffer.from(JSON.stringify(values)).toString('base64url')
}

const answerPage = page === 'single' ? answerSingle : answerList

async function answer(request: IncomingMessage): Promise<Buffer> {
  const { variables } = JSON.parse(await text(request)) as { variables: Variables }
  return toJsonBytes(await answerPage(variables))
}

await serveJson(answer)
