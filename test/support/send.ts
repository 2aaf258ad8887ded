import { connect } from 'node:net'

export interface RawAnswer {
  status: number
  headers: Record<string, string>
  body: string
}

interface RawRequest {
  method: string
  path: string
  headers?: Record<string, string>
  body?: string | undefined
}

/** Sends what `fetch` would not; one request a connection. */
export function send(port: number, { method, path, headers = {}, body = '' }: RawRequest) {
  const lines = Object.entries({
    host: `127.0.0.1:${port}`,
    connection: 'close',
    ...(body !== '' && { 'content-length': String(Buffer.byteLength(body)) }),
    ...headers,
  }).map(([name, value]) => `${name}: ${value}`)
  return sendBytes(port, [`${method} ${path} HTTP/1.1`, ...lines, '', body].join('\r\n'))
}

/** The first answer to these bytes, once the other side has hung up. */
export async function sendBytes(port: number, bytes: string): Promise<RawAnswer> {
  const socket = connect(port, '127.0.0.1')
  // Who hangs up while we still send resets the connection.
  socket.on('error', () => {})
  socket.write(bytes)
  const chunks: Buffer[] = []
  socket.on('data', (chunk) => chunks.push(chunk))
  await new Promise((resolve) => socket.once('close', resolve))
  const [head = '', ...rest] = Buffer.concat(chunks).toString().split('\r\n\r\n')
  const [line = '', ...lines] = head.split('\r\n')
  return {
    status: Number(line.split(' ')[1] ?? 0),
    headers: Object.fromEntries(
      lines.map((each) => {
        const colon = each.indexOf(':')
        return [each.slice(0, colon).toLowerCase(), each.slice(colon + 1).trim()]
      }),
    ),
    body: rest.join('\r\n\r\n'),
  }
}
