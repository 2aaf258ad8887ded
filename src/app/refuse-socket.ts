import { STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { errorBody } from './http-error.ts'

/** Answers where Node has no response to write to: an upgrade, or what is no HTTP. Then it hangs up. */
export function refuseSocket(
  socket: Duplex,
  status: number,
  message: string,
  headers: Readonly<Record<string, string>>,
): void {
  socket.on('error', () => {})
  if (!socket.writable) return
  const body = JSON.stringify(errorBody(status, message))
  const lines = Object.entries({
    ...headers,
    'content-type': 'application/json; charset=utf-8',
    'content-length': String(Buffer.byteLength(body)),
    connection: 'close',
  }).map(([name, value]) => `${name}: ${value}`)
  socket.end([`HTTP/1.1 ${status} ${STATUS_CODES[status]}`, ...lines, '', body].join('\r\n'))
}
