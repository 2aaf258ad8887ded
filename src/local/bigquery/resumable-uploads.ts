import { randomUUID } from 'node:crypto'
import { Refusal } from './replies.ts'

interface Begun {
  metadata: unknown
  chunks: Buffer[]
  bytes: number
}

export type ResumableUploads = ReturnType<typeof createResumableUploads>

/** Resumable uploads: https://cloud.google.com/bigquery/docs/reference/api-uploads#resumable */
export function createResumableUploads() {
  const uploads = new Map<string, Begun>()
  return {
    begin(metadata: unknown): string {
      const id = randomUUID()
      uploads.set(id, { metadata, chunks: [], bytes: 0 })
      return id
    },
    /** Takes a chunk; the whole is there once the total is known and reached. */
    take(id: string, range: string | undefined, chunk: Buffer) {
      const upload = uploads.get(id)
      if (!upload) throw new Refusal(404, 'notFound', `Not found: Upload ${id}`)
      const { from, total } = readRange(range, chunk)
      if (chunk.length > 0 && from <= upload.bytes) {
        // What was sent twice is taken once.
        const news = chunk.subarray(upload.bytes - from)
        upload.chunks.push(news)
        upload.bytes += news.length
      }
      const { metadata, bytes } = upload
      if (total === undefined || bytes < total) return { isWhole: false as const, bytes }
      uploads.delete(id)
      return { isWhole: true as const, metadata, data: Buffer.concat(upload.chunks) }
    },
  }
}

/** `bytes 0-524287/2000000`; a star stands for what is not known, or not sent. */
function readRange(range: string | undefined, chunk: Buffer) {
  if (range === undefined) return { from: 0, total: chunk.length }
  const [, from, total] = /^bytes (?:(\d+)-\d+|\*)\/(\d+|\*)$/.exec(range) ?? []
  if (total === undefined) throw new Refusal(400, 'invalid', `Invalid Content-Range: ${range}`)
  return { from: Number(from ?? 0), total: total === '*' ? undefined : Number(total) }
}
