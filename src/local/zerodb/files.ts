import type { Reply } from '../exchange.ts'
import { readPaging } from './paging.ts'
import { fileNotFound, missingField, ok, type JsonObject } from './replies.ts'
import type { RouteRequest } from './route-request.ts'
import type { File } from './file-store.ts'

/** Multipart: the part `file`, and beside it `metadata`, a JSON text. The id is the server's. */
export async function uploadFile({ store, content, struck }: RouteRequest): Promise<Reply> {
  const form = await readForm(content)
  const file = form?.get('file')
  if (!(file instanceof Blob)) throw missingField('body', 'file')
  const metadata = parseMetadata(form?.get('metadata'))
  const bytes = new Uint8Array(await file.arrayBuffer())
  const isCut = struck.some(({ kind }) => kind === 'cutShort')
  const kept = isCut ? bytes.subarray(0, bytes.length / 2) : bytes
  const stored = store.files.add(file.name, JSON.stringify(metadata), kept)
  return { ...ok(describe(stored)), status: 201 }
}

export function listFiles({ store, query }: RouteRequest): Reply {
  const { skip, limit } = readPaging(query)
  const { total, files } = store.files.list(skip, limit)
  const hasMore = skip + files.length < total
  return ok({ total, skip, limit, has_more: hasMore, data: files.map(describe) })
}

export function getFile({ store, fileId }: RouteRequest): Reply {
  const file = store.files.find(fileId)
  if (!file) throw fileNotFound()
  return ok(describe(file))
}

export function downloadFile({ store, fileId }: RouteRequest): Reply {
  const body = store.files.read(fileId)
  if (!body) throw fileNotFound()
  return { status: 200, body, headers: { 'content-type': 'application/octet-stream' } }
}

/** Without `delete_from_storage=true` the bytes stay behind, and nobody can reach them. */
export function deleteFile({ store, fileId, query }: RouteRequest): Reply {
  const found = store.files.remove(fileId, query.get('delete_from_storage') === 'true')
  if (!found) throw fileNotFound()
  return ok({ message: 'File deleted', file_id: fileId })
}

async function readForm({ type, bytes }: RouteRequest['content']): Promise<FormData | undefined> {
  const request = new Response(new Uint8Array(bytes), { headers: { 'content-type': type } })
  return request.formData().catch(() => undefined)
}

/** What is no JSON is no metadata. */
function parseMetadata(text: FormDataEntryValue | null | undefined): JsonObject {
  if (typeof text !== 'string') return {}
  try {
    return JSON.parse(text) as JsonObject
  } catch {
    return {}
  }
}

function describe({ id, name, metadata, size, created_at: createdAt }: File) {
  return {
    file_id: id,
    name,
    size_bytes: size,
    url: `/files/${id}`,
    metadata: JSON.parse(metadata) as JsonObject,
    created_at: createdAt,
  }
}
