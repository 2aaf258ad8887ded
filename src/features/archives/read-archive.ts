import { createHash, hash } from 'node:crypto'
import { pipeline, Readable } from 'node:stream'
import { createZstdDecompress } from 'node:zlib'
import type { RowData, ZeroDb } from '../../platform/zerodb.ts'
import { parseArchive } from './archive-text.ts'
import type { BackupArchive } from './backup-archive.entity.ts'

export interface ArchiveFileDeps {
  zerodb: Pick<ZeroDb, 'readFile'>
  signal: AbortSignal
}

/** What ZeroDB keeps is not what was archived. */
export class DamagedArchiveError extends Error {
  override readonly name = 'DamagedArchiveError'
}

/** An archive that was read to its end and found to be what was archived. */
export interface VerifiedArchive {
  archive: BackupArchive
  /** SHA-256 of each part: it is read a second time. */
  partHashes: readonly string[]
}

/**
 * Reads all of it, holding one part at a time, before anything is made of it. Throws
 * DamagedArchiveError where it is incomplete, altered, or of somebody else, and UpstreamError.
 */
export async function verifyArchive(
  deps: ArchiveFileDeps,
  archive: BackupArchive,
): Promise<VerifiedArchive> {
  const whole = createHash('sha256')
  const partHashes: string[] = []
  let bytes = 0
  const parts = download(deps, archive, (part) => {
    whole.update(part)
    partHashes.push(hash('sha256', part, 'hex'))
    bytes += part.length
  })
  let documents = 0
  for await (const document of parse(archive, parts)) {
    documents++
    if (document['tenant_id'] === archive.tenantId) continue
    throw damaged(archive, 'holds a document of another tenant')
  }
  const sha256 = whole.digest('hex')
  if (sha256 !== archive.sha256) {
    const message = `has ${bytes} bytes and the SHA-256 ${sha256}, not ${archive.sizeBytes} and ${archive.sha256}`
    throw damaged(archive, message)
  }
  if (documents === archive.documentCount) return { archive, partHashes }
  const message = `holds ${documents} documents, not ${archive.documentCount}`
  throw damaged(archive, message)
}

/** Its documents, one by one; each part must be what it was when the archive was verified. */
export function readArchive(
  deps: ArchiveFileDeps,
  { archive, partHashes }: VerifiedArchive,
): AsyncGenerator<RowData, void> {
  const parts = download(deps, archive, (part, index) => {
    if (hash('sha256', part, 'hex') === partHashes[index]) return
    throw damaged(archive, 'was changed while it was read')
  })
  return parse(archive, parts)
}

async function* download(
  { zerodb, signal }: ArchiveFileDeps,
  archive: BackupArchive,
  check: (part: Buffer, index: number) => void,
): AsyncGenerator<Buffer, void> {
  for (const [index, fileId] of archive.fileIds.entries()) {
    const part = await zerodb.readFile(archive.tenantId, fileId, { signal })
    if (!part) throw damaged(archive, `lacks its file ${fileId}`)
    check(part, index)
    yield part
  }
}

async function* parse(
  archive: BackupArchive,
  parts: AsyncIterable<Buffer>,
): AsyncGenerator<RowData, void> {
  // A failure of either stream destroys the other and is thrown to whoever reads.
  const text = pipeline(Readable.from(parts), createZstdDecompress(), () => {})
  try {
    yield* parseArchive(text, archive.collection)
  } catch (error) {
    const isPacking =
      error instanceof Error && 'code' in error && /^Z(STD)?_/.test(String(error.code))
    if (!isPacking && !(error instanceof SyntaxError)) throw error
    throw damaged(archive, `cannot be read: ${error.message}`)
  }
}

function damaged({ fileName }: BackupArchive, complaint: string): DamagedArchiveError {
  return new DamagedArchiveError(`The archive ${fileName} ${complaint}.`)
}
