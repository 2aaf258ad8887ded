import type { IncomingMessage } from 'node:http'

/** Larger requests are refused before they are parsed. */
export const maxRequestBytes = 2 * 1024 ** 2

/** A request that is answered with a status of its own, before GraphQL has a say. */
export class HttpError extends Error {
  override readonly name = 'HttpError'
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

/**
 * The request's body as text. Throws HttpError: 413 as soon as the limit is passed, whatever
 * Content-Length said; 415 for a compressed body, whose size nobody knows; 400 for invalid UTF-8,
 * which must not be silently replaced.
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
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks, size))
  } catch {
    throw new HttpError(400, 'The body is not valid UTF-8.')
  }
}

function tooLarge(): HttpError {
  return new HttpError(413, `The body must not exceed ${maxRequestBytes} bytes.`)
}
