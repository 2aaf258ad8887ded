import type { HttpCall } from '../http.ts'
import { isStatus, malformed, readObject, readPage } from './answers.ts'
import { checkRoutes, type ZeroDbCall } from './client.ts'
import { followPages } from './pages.ts'
import type { Session } from './session.ts'

/** Files in one answer at most. */
const filesPerPage = 100

export interface NewFile {
  /** Without the tenant, which the client puts in front; letters, digits, `.`, `_` and `-`. */
  name: string
  content: Uint8Array<ArrayBuffer>
  metadata: Readonly<Record<string, string>>
}

export interface StoredFile {
  /** ZeroDB's own. */
  id: string
  /** As the tenant named it. */
  name: string
  sizeBytes: number
}

/** Project files, whose ids are ZeroDB's own; whose a file is stands in its name. */
export interface Files {
  /**
   * Keeps a file and looks whether it was kept whole: there are servers that store what is said of a
   * file and not its bytes. When that fails, or the answer is lost, a file may stay that nobody knows:
   * `eachFile` finds it by its name.
   */
  uploadFile(tenantId: string, file: NewFile, call?: ZeroDbCall): Promise<StoredFile>
  /** Null when there is none. Fails as `malformed` when it is another tenant's, as do the next two. */
  findFile(tenantId: string, fileId: string, call?: ZeroDbCall): Promise<StoredFile | null>
  /** The bytes, which are all in memory; null when there is no such file. */
  readFile(tenantId: string, fileId: string, call?: ZeroDbCall): Promise<Buffer | null>
  /** Deletes the file and what is stored of it; none is a success too. */
  deleteFile(tenantId: string, fileId: string, call?: ZeroDbCall): Promise<void>
  /** All files of the tenant. The time is that of a page; of the pages, all tenants' files are read. */
  eachFile(tenantId: string, call?: ZeroDbCall): AsyncGenerator<StoredFile, void>
}

export function createFiles(session: Session, filesPath: string): Files {
  const send = checkRoutes(session.json)
  const pathOf = (fileId: string) => `${filesPath}/${encodeURIComponent(fileId)}`

  const findFile = async (tenantId: string, fileId: string, call: ZeroDbCall = {}) => {
    const get: HttpCall = { method: 'GET', path: pathOf(fileId), effect: 'none', ...call }
    const answer = await send(get).catch(unlessMissing)
    return answer === null ? null : nameWithin(tenantId, readFileObject(answer))
  }

  const deleteFile = async (tenantId: string, fileId: string, call: ZeroDbCall = {}) => {
    // Whose it is comes first: ids are not ours, and nothing brings back what was deleted.
    if (!(await findFile(tenantId, fileId, call))) return
    const path = `${pathOf(fileId)}?delete_from_storage=true`
    await send({ method: 'DELETE', path, effect: 'repeatable', ...call }).catch(unlessMissing)
  }

  return {
    async uploadFile(tenantId, file, call = {}) {
      const path = `${filesPath}/upload`
      const { type, body } = await encode(tenantId, file)
      const headers = { 'content-type': type }
      const answer = await send({ method: 'POST', path, headers, body, effect: 'once', ...call })
      const { id } = readFileObject(answer)
      const kept = await findFile(tenantId, id, call)
      if (kept?.sizeBytes === file.content.length) return kept
      await deleteFile(tenantId, id, call).catch(() => undefined)
      const { name, content } = file
      const size = kept ? `${kept.sizeBytes} bytes` : 'nothing'
      throw malformed(`took ${name} of ${content.length} bytes and keeps ${size}`, true)
    },
    findFile,
    async readFile(tenantId, fileId, call = {}) {
      const file = await findFile(tenantId, fileId, call)
      if (!file) return null
      const path = `${pathOf(fileId)}/content`
      const get: HttpCall = { method: 'GET', path, effect: 'none', ...call }
      const content = await session.bytes(get).catch(unlessMissing)
      if (content === null || content.length === file.sizeBytes) return content
      throw malformed(`answered with ${content.length} bytes of a file of ${file.sizeBytes}`)
    },
    deleteFile,
    async *eachFile(tenantId, call = {}) {
      const fetchPage = async (skip: number) => {
        const path = `${filesPath}?skip=${skip}&limit=${filesPerPage}`
        return readPage(
          await send({ method: 'GET', path, effect: 'none', ...call }),
          readFileObject,
        )
      }
      for await (const page of followPages(fetchPage, ({ id }) => id)) {
        for (const file of page) {
          if (isWithin(tenantId, file)) yield nameWithin(tenantId, file)
        }
      }
    },
  }
}

async function encode(tenantId: string, { name, content, metadata }: NewFile) {
  const form = new FormData()
  form.set('file', new Blob([content]), prefixOf(tenantId) + name)
  form.set('metadata', JSON.stringify({ ...metadata, tenant_id: tenantId }))
  const encoded = new Response(form)
  const type = encoded.headers.get('content-type') ?? ''
  return { type, body: new Uint8Array(await encoded.arrayBuffer()) }
}

function prefixOf(tenantId: string): string {
  return `${tenantId}_`
}

function isWithin(tenantId: string, { name }: StoredFile): boolean {
  return name.startsWith(prefixOf(tenantId))
}

function nameWithin(tenantId: string, file: StoredFile): StoredFile {
  if (isWithin(tenantId, file)) {
    return { ...file, name: file.name.slice(prefixOf(tenantId).length) }
  }
  throw malformed(`answered tenant ${tenantId} with a file that is not theirs: ${file.id}`)
}

/** The names of an object's fields differ by source. */
function readFileObject(value: unknown): StoredFile {
  const file = readObject(value, 'a file')
  const id = file['file_id'] ?? file['id']
  const name = file['name'] ?? file['file_name']
  const sizeBytes = file['size_bytes'] ?? file['file_size']
  if (typeof id !== 'string') throw malformed('answered with a file without an id', true)
  if (typeof name !== 'string') throw malformed('answered with a file without a name', true)
  return { id, name, sizeBytes: typeof sizeBytes === 'number' ? sizeBytes : Number.NaN }
}

function unlessMissing(error: unknown): null {
  if (isStatus(error, 404)) return null
  throw error
}
