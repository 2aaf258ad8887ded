import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { zstdCompressSync } from 'node:zlib'
import pg from 'pg'
import { Pool } from 'undici'
import { newId } from '../src/lib/id.ts'
import { serveJson } from './serve.ts'

/**
 * What is the least that creating a content can cost in Node? The same two rows in ZeroDB, at the same
 * time, and then the same rows of PostgreSQL in one transaction, written by hand for this one mutation: no
 * GraphQL, no token, no row-level security, no intent and no fence beforehand, no quota that is enforced, no
 * deadline, no retry, nothing logged.
 */
export interface WriteLimitSettings {
  tenantId: string
  adminUrl: string
  zerodb: { url: string; projectId: string; apiKey: string }
}

interface Input {
  title: string
  type: string
  status: string
  tags: string[]
  body: { format: string; raw: string }
}

const { tenantId, adminUrl, zerodb } = JSON.parse(process.argv[2] ?? '') as WriteLimitSettings

const postgres = new pg.Pool({ connectionString: adminUrl, max: 10 })
const bodies = new Pool(zerodb.url, { connections: 32 })
const tables = `/api/v1/projects/${zerodb.projectId}/database/tables`
const headers = { 'x-api-key': zerodb.apiKey, 'content-type': 'application/json' }
const minCompressedBytes = 4_096
const previewLength = 200

async function insertRow(table: string, row: object): Promise<void> {
  const { statusCode, body } = await bodies.request({
    method: 'POST',
    path: `${tables}/${table}/rows`,
    headers,
    body: JSON.stringify({ row_data: { tenant_id: tenantId, ...row } }),
  })
  const answer = await body.text()
  if (statusCode >= 300) throw new Error(`ZeroDB answered ${statusCode}: ${answer}`)
}

function encode(raw: string) {
  const size = Buffer.byteLength(raw)
  const packed = size < minCompressedBytes ? undefined : zstdCompressSync(raw).toString('base64')
  const isSmaller = packed !== undefined && packed.length < size * 0.9
  return {
    size,
    text: isSmaller ? packed : raw,
    encoding: isSmaller ? 'zstd+base64' : 'utf-8',
    sha256: createHash('sha256').update(raw).digest('hex'),
  }
}

const statements = [
  `insert into content_items (tenant_id, id, title, content_type, status, tags, preview, body_format,
     zerodb_id, version, storage_size_bytes, body_encoding, sha256)
   select $1, id, title, content_type, status, tags, preview, body_format, zerodb_id, 1,
     storage_size_bytes, body_encoding, sha256
   from jsonb_populate_record(null::content_items, $2::jsonb)`,
  `with feed as (
     insert into tenant_feeds as f (tenant_id, sequence) values ($1, 1)
     on conflict (tenant_id) do update set sequence = f.sequence + 1 returning sequence
   ), version as (
     insert into content_versions (tenant_id, id, content_id, version_number, change_type, document_id,
       size_bytes, sha256, sequence)
     select $1, ($2::jsonb->>'history_id')::uuid, id, 1, 'create', zerodb_id, storage_size_bytes, sha256,
       (select sequence from feed)
     from jsonb_populate_record(null::content_items, $2::jsonb)
   ), outbox as (
     insert into backup_outbox (tenant_id, id, content_id, version_number, operation, size_bytes)
     select $1, gen_random_uuid(), id, 1, 'upsert', storage_size_bytes
     from jsonb_populate_record(null::content_items, $2::jsonb)
   ), audit as (
     insert into audit_events (tenant_id, id, action, subject_type, subject_id, after, request_id)
     select $1, gen_random_uuid(), 'createContent', 'Content', ($2::jsonb->>'id')::uuid,
       jsonb_build_object('title', $2::jsonb->'title'), 'limit'
   )
   insert into usage_ledger (tenant_id, operation_id, content_id, bytes, items)
   select $1, gen_random_uuid(), id, storage_size_bytes, 1
   from jsonb_populate_record(null::content_items, $2::jsonb)`,
  `update content_storage_usage set total_storage_bytes = total_storage_bytes + ($2::jsonb->>'storage_size_bytes')::bigint,
     stored_body_bytes = stored_body_bytes + ($2::jsonb->>'storage_size_bytes')::bigint,
     total_content_items = total_content_items + 1, sequence = sequence + 1, updated_at = now()
   where tenant_id = $1`,
]

async function commit(record: object): Promise<void> {
  const client = await postgres.connect()
  try {
    await client.query('begin')
    for (const [index, statement] of statements.entries()) {
      await client.query({ name: `s${index}`, text: statement, values: [tenantId, record] })
    }
    await client.query(`select pg_notify('gateway_events', $1)`, [`contents:${tenantId}`])
    await client.query('commit')
    client.release()
  } catch (error) {
    client.release(true)
    throw error
  }
}

async function create({ title, type, status, tags, body: { format, raw } }: Input) {
  const { size, text: content_body, encoding, sha256 } = encode(raw)
  const [id, documentId, historyId] = [newId(), newId(), newId()]
  const now = new Date().toISOString()
  const content = { title, content_type: type.toLowerCase(), status: status.toLowerCase() }
  await Promise.all([
    insertRow('content_items', {
      id: documentId,
      content_id: id,
      ...content,
      content_body,
      storage_metadata: { size_bytes: size, encoding },
      sha256,
      version: 1,
      created_at: now,
    }),
    insertRow('content_versions', {
      id: historyId,
      content_id: id,
      version_number: 1,
      change_type: 'create',
      content_snapshot: { ...content, tags, body: { document_id: documentId, sha256 } },
      created_at: now,
    }),
  ])
  await commit({
    id,
    ...content,
    tags,
    preview: raw.slice(0, previewLength),
    body_format: format.toLowerCase(),
    zerodb_id: documentId,
    storage_size_bytes: size,
    body_encoding: encoding,
    sha256,
    history_id: historyId,
  })
  return { content: { id: Buffer.from(`1:Content:${id}`).toString('base64url') } }
}

async function answer(request: IncomingMessage): Promise<Buffer> {
  const { variables } = JSON.parse(await text(request)) as { variables: { input: Input } }
  return Buffer.from(JSON.stringify({ data: { write: await create(variables.input) } }))
}

await serveJson(answer)
