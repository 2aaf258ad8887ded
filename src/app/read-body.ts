import type { IncomingMessage } from 'node:http'
import { HttpError } from './http-error.ts'

/** Larger requests are refused before they are parsed. */
export const maxRequestBytes = 2 * 1024 ** 2

/**
 * The request's body as text. Throws HttpError: 413 as soon as the limit is passed, whatever
 * Content-Length said; 415 for a compressed body, whose size nobody knows; 400 for invalid UTF-8,
 * which must not be silently replaced, and for a list, which would be many operations for one.
 */
export async function readBody(request: IncomingMessage): Promise<string> {
  const encoding = request.headers['content-encoding'] ?? 'identity'
  if (encoding !== 'identity') throw new HttpError(415, 'Send the body uncompressed.')
  if (Number(request.headers['content-length'] ?? 0) > maxRequestBytes) throw tooLarge()
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > maxRequestBytes) throw tooLarge()
    chunks.push(chunk)
  }
  const text = decode(Buffer.concat(chunks, size))
  if (/^\s*\[/.test(text)) {
    throw new HttpError(400, 'Send one operation a request; lists of them are not answered.')
  }
  return text
}

function decode(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new HttpError(400, 'The body is not valid UTF-8.')
  }
}

function tooLarge(): HttpError {
  return new HttpError(413, `The body must not exceed ${maxRequestBytes} bytes.`)
}
