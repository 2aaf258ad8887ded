import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createZstdCompress } from 'node:zlib'
import { type ArchiveDeps, type ArchiveRun, renewRun } from './archive-run.ts'
import { archiveText } from './archive-text.ts'
import { type Walked, walkCollection } from './walk-collection.ts'

/**
 * Of the parts in which a file is kept. What ZeroDB takes at most is documented nowhere: 10 MB is the
 * least that is told. It also bounds what is in memory, however large the collection.
 */
const partBytes = 8 * 1024 ** 2

export interface StoredArchive extends Walked {
  /** When it was begun: what was written later may be missing from it. */
  backupDate: string
  fileName: string
  fileIds: string[]
  sizeBytes: number
  sha256: string
}

/** Reads the collection to its end and keeps it as files, compressed. Throws UpstreamError. */
export async function storeArchive(
  deps: ArchiveDeps & { partBytes?: number },
  run: ArchiveRun,
): Promise<StoredArchive> {
  const { database, zerodb, signal } = deps
  const { tenantId, collection } = run
  const backupDate = new Date().toISOString()
  const fileName = nameOf(collection, backupDate)
  const walked: Walked = { documents: 0, missing: 0 }
  const reads = database.reads.forTenant(tenantId, undefined, signal)
  const pages = walkCollection({ zerodb, reads, tenantId, signal }, collection, walked)
  const text = archiveText({ collection, backupDate }, renewing(deps, run, pages))
  const hash = createHash('sha256')
  const kept = { fileIds: [] as string[], sizeBytes: 0 }
  await pipeline(
    // A document at a time: 16 may be a lot.
    Readable.from(text, { highWaterMark: 1 }),
    createZstdCompress(),
    async (packed: AsyncIterable<Buffer>) => {
      for await (const part of inParts(packed, deps.partBytes ?? partBytes)) {
        await renewRun(deps, run)
        const suffix = part.isOnly ? '' : `.${String(kept.fileIds.length + 1).padStart(3, '0')}`
        const name = `${run.archiveId}_${fileName}${suffix}`
        const metadata = {
          backup_type: 'collection',
          collection_name: collection,
          backup_date: backupDate,
        }
        const file = { name, content: part.bytes, metadata }
        const { id } = await zerodb.uploadFile(tenantId, file, { signal })
        hash.update(part.bytes)
        kept.fileIds.push(id)
        kept.sizeBytes += part.bytes.length
      }
    },
    { signal },
  )
  return { ...walked, ...kept, backupDate, fileName, sha256: hash.digest('hex') }
}

/** `{collection}_backup_%Y%m%d_%H%M%S.json.zst`, in UTC (W-011). */
function nameOf(collection: string, backupDate: string): string {
  const [day = '', time = ''] = backupDate.slice(0, 19).replaceAll(/[-:]/g, '').split('T')
  return `${collection}_backup_${day}_${time}.json.zst`
}

/** The lease is renewed as pages come: a large collection takes longer than any lease. */
async function* renewing<T>(deps: ArchiveDeps, run: ArchiveRun, pages: AsyncIterable<T>) {
  for await (const page of pages) {
    await renewRun(deps, run)
    yield page
  }
}

interface Part {
  bytes: Uint8Array<ArrayBuffer>
  isOnly: boolean
}

async function* inParts(chunks: AsyncIterable<Buffer>, size: number): AsyncGenerator<Part, void> {
  let pieces: Buffer[] = []
  let bytes = 0
  let isOnly = true
  for await (const chunk of chunks) {
    if (bytes > 0 && bytes + chunk.length > size) {
      isOnly = false
      yield { bytes: Buffer.concat(pieces), isOnly }
      pieces = []
      bytes = 0
    }
    pieces.push(chunk)
    bytes += chunk.length
  }
  yield { bytes: Buffer.concat(pieces), isOnly }
}
