import { hash } from 'node:crypto'

/** Bytes of `text` in UTF-8: the unit of every size and quota. */
export function utf8Size(text: string): number {
  return Buffer.byteLength(text, 'utf8')
}

/** SHA-256 of the bytes, or of a text's in UTF-8; lower-case hex. */
export function sha256(body: string | Uint8Array): string {
  return hash('sha256', body, 'hex')
}

/** The API's "GB" are GiB, 1024³ bytes. */
export const bytesPerGb = 1024 ** 3
