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
  const text = decode(await readBytes(request))
  if (/^\s*\[/.test(text)) {
    throw new HttpError(400, 'Send one operation a request; lists of them are not answered.')
  }
  return text
}

/** By its events, which cost less than an iterator. Rejects as soon as the client has left, even before it began. */
function readBytes(request: IncomingMessage): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
  const chunks: Buffer[] = []
  let size = 0
  const onData = (chunk: Buffer) => {
    chunks.push(chunk)
    size += chunk.length
    if (size <= maxRequestBytes) return
    request.off('data', onData).pause()
    reject(tooLarge())
  }
  request.on('data', onData)
  request.once('end', () => resolve(Buffer.concat(chunks, size)))
  request.once('error', reject)
  const leave = () => reject(new Error('The client left before its request was complete.'))
  if (request.closed) leave()
  else request.once('close', leave)
  return promise
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

function decode(bytes: Buffer): string {
  try {
    return utf8.decode(bytes)
  } catch {
    throw new HttpError(400, 'The body is not valid UTF-8.')
  }
}

function tooLarge(): HttpError {
  return new HttpError(413, `The body must not exceed ${maxRequestBytes} bytes.`)
}
