import { invalid } from './replies.ts'

export interface Upload {
  metadata: unknown
  data: Buffer
}

/** The two parts of a `multipart/related` upload: what the job is, and its file. */
export function parseMultipart(contentType: string, body: Buffer): Upload {
  const boundary = /boundary="?([^";]+)"?/.exec(contentType)?.[1]
  if (boundary === undefined) throw invalid('Multipart content has no boundary')
  const mark = Buffer.from(`--${boundary}`)
  const first = partAfter(body, mark, 0)
  const second = partAfter(body, mark, first.end)
  return { metadata: parseMetadata(first.content), data: second.content }
}

export function parseMetadata(text: Buffer): unknown {
  try {
    return text.length === 0 ? {} : JSON.parse(text.toString())
  } catch {
    throw invalid('Invalid JSON payload received.')
  }
}

const lineEnd = '\r\n'

function partAfter(body: Buffer, mark: Buffer, from: number) {
  const begin = body.indexOf(mark, from)
  const headersEnd = body.indexOf(lineEnd + lineEnd, begin + mark.length)
  // The mark that ends a part stands at the beginning of a line.
  const end = body.indexOf(Buffer.concat([Buffer.from(lineEnd), mark]), headersEnd)
  if (begin < 0 || headersEnd < 0 || end < 0) throw invalid('Malformed multipart content')
  return { content: body.subarray(headersEnd + 2 * lineEnd.length, end), end }
}
