import { promisify } from 'node:util'
import { zstdCompress, zstdCompressSync, zstdDecompress, zstdDecompressSync } from 'node:zlib'
import { sha256, utf8Size } from '../../lib/bytes.ts'
import { JsonText } from '../../lib/json-text.ts'
import type { RowData } from '../zerodb.ts'

export type BodyEncoding = 'utf-8' | 'zstd+base64'

/** A body document whose id, tenant and SHA-256 are those that were asked for. */
export interface StoredDocument {
  readonly id: string
  /** Of the body's UTF-8 bytes, lower-case hex. */
  readonly sha256: string
  readonly raw: JsonText
  readonly mimeType: string
  /** UTF-8 bytes of the body. */
  readonly sizeBytes: number
  /** Bytes of the text ZeroDB keeps for it. */
  readonly compressedSizeBytes: number
  readonly encoding: BodyEncoding
}

/** What a document in memory costs besides its text. */
const overheadBytes = 512

/** What a document takes in memory. */
export function heldBytes({ raw }: StoredDocument): number {
  return overheadBytes + raw.json.length
}

/** The fields of a ZeroDB row that hold a body, and the checksum PostgreSQL keeps. */
export interface EncodedBody {
  content_body: string
  storage_metadata: {
    size_bytes: number
    compressed_size_bytes: number
    mime_type: string
    encoding: BodyEncoding
  }
  sha256: string
}

/** The largest body we read: what a row declares bounds what is unpacked. */
const maxBodyBytes = 16 * 1024 ** 2
/** Smaller bodies cost more to unpack than they save. */
const minCompressedBytes = 4_096
/** Packed text must be smaller by a tenth, base64 included. */
const worthwhile = 0.9
/** Up to here a thread of its own costs more than the moment it saves the event loop. */
const maxSyncBytes = 64 * 1024

const compressAside = promisify(zstdCompress)
const decompressAside = promisify(zstdDecompress)

/** Compresses where that saves bytes. zstd's default level 3: higher ones cost more than they save. */
export async function encodeBody(raw: string, mimeType: string): Promise<EncodedBody> {
  const size = utf8Size(raw)
  const packed = size < minCompressedBytes ? undefined : await pack(raw, size)
  const smaller = packed !== undefined && packed.length < size * worthwhile
  return {
    content_body: smaller ? packed : raw,
    storage_metadata: {
      size_bytes: size,
      compressed_size_bytes: smaller ? packed.length : size,
      mime_type: mimeType,
      encoding: smaller ? 'zstd+base64' : 'utf-8',
    },
    sha256: sha256(raw),
  }
}

async function pack(raw: string, size: number): Promise<string> {
  const packed = size <= maxSyncBytes ? zstdCompressSync(raw) : await compressAside(raw)
  return packed.toString('base64')
}

/** Throws when the row does not hold the body it declares; never unpacks more than that. */
export async function decodeBody(id: string, row: RowData): Promise<StoredDocument> {
  const { content_body: text, storage_metadata: storage } = row
  if (typeof text !== 'string') throw new Error('has no body')
  const { size_bytes: sizeBytes, mime_type: mimeType, encoding } = (storage ?? {}) as RowData
  if (!isBodySize(sizeBytes)) throw new Error('declares no size that we read')
  const bytes = await unpack(text, encoding, sizeBytes)
  if (bytes.length !== sizeBytes) throw new Error('is not of the size it declares')
  return {
    id,
    sha256: sha256(bytes),
    raw: new JsonText(encoding === 'utf-8' ? text : bytes.toString()),
    mimeType: typeof mimeType === 'string' ? mimeType : 'text/plain',
    sizeBytes,
    compressedSizeBytes: utf8Size(text),
    encoding: encoding as BodyEncoding,
  }
}

function isBodySize(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0 && Number(value) <= maxBodyBytes
}

async function unpack(text: string, encoding: unknown, sizeBytes: number): Promise<Buffer> {
  if (encoding === 'utf-8') return Buffer.from(text)
  if (encoding !== 'zstd+base64') throw new Error('is in an encoding that we do not know')
  const packed = Buffer.from(text, 'base64')
  // Most come in one piece then, in half the time.
  const chunkSize = Math.max(64, Math.min(sizeBytes + 1, maxSyncBytes))
  const limit = { maxOutputLength: Math.max(1, sizeBytes), chunkSize }
  const aside = sizeBytes > maxSyncBytes
  return aside ? decompressAside(packed, limit) : zstdDecompressSync(packed, limit)
}
