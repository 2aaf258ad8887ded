import { hash } from 'node:crypto'

/** Bytes of `text` in UTF-8: the unit of every size and quota. */
export function utf8Size(text: string): number {
  return Buffer.byteLength(text, 'utf8')
}

/** SHA-256 of the UTF-8 bytes, lower-case hex. */
export function sha256(text: string): string {
  return hash('sha256', text, 'hex')
}

/** The API's "GB" are GiB, 1024³ bytes. */
export const bytesPerGb = 1024 ** 3
