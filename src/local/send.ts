import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import type { Call } from './call-log.ts'
import type { ActiveFault, Fault, FaultKind, FaultOf } from './faults.ts'
import type { Exchange, Reply } from './exchange.ts'

/** Sends the reply, or begins to if it is an event stream, and returns its status. */
export function sendReply(response: ServerResponse, reply: Reply): number {
  if (reply.eventMs) {
    void sendEvents(response, reply, reply.eventMs)
    return reply.status
  }
  const length = typeof reply.body === 'string' ? Buffer.byteLength(reply.body) : reply.body.length
  response.writeHead(reply.status, { ...jsonType, ...reply.headers, 'content-length': length })
  response.end(reply.body)
  return reply.status
}

const jsonType = { 'content-type': 'application/json' }

async function sendEvents(response: ServerResponse, reply: Reply, eventMs: number): Promise<void> {
  response.writeHead(reply.status, { ...jsonType, ...reply.headers })
  for (const event of String(reply.body).split(/(?<=\n\n)/)) {
    if (response.destroyed) return
    response.write(event)
    await delay(eventMs, undefined, { ref: false })
  }
  response.end()
}

/** Waits for as long as the work takes; true when it does and nobody waits for its result any more. */
export async function isAbandoned(
  response: ServerResponse,
  { workMs }: Exchange,
): Promise<boolean> {
  if (!workMs) return false
  await delay(workMs, undefined, { ref: false })
  return response.destroyed
}

/** Answers as the faults say: first what delays or prevents the call, then what spoils its answer. */
export async function sendWithFaults(
  response: ServerResponse,
  exchange: Exchange,
  struck: readonly ActiveFault[],
  call: Call,
): Promise<void> {
  const faults = struck.map(({ fault }) => fault)
  call.fault = faults.map(({ kind }) => kind).join('+')
  for (const { ms, jitterMs = 0 } of all(faults, 'latency')) {
    await delay(ms + Math.random() * jitterMs, undefined, { ref: false })
  }
  if (has(faults, 'hang')) return
  if (has(faults, 'reset')) return resetConnection(response)
  const refusal = refuse(struck, exchange)
  if (refusal) {
    call.status = sendReply(response, refusal)
    return
  }
  if (await isAbandoned(response, exchange)) return
  const reply = await exchange.apply(faults)
  if (has(faults, 'answerLost')) return resetConnection(response)
  call.status = reply.status
  await sendSpoiled(response, reply, faults)
}

function all<K extends FaultKind['kind']>(faults: readonly Fault[], kind: K): FaultOf<K>[] {
  return faults.filter((fault) => fault.kind === kind) as unknown as FaultOf<K>[]
}

function has(faults: readonly Fault[], kind: FaultKind['kind']): boolean {
  return faults.some((fault) => fault.kind === kind)
}

function resetConnection(response: ServerResponse): void {
  response.socket?.resetAndDestroy()
}

function refuse(struck: readonly ActiveFault[], exchange: Exchange): Reply | undefined {
  for (const { fault, admit } of struck) {
    if (fault.kind === 'status') return statusReply(fault, exchange)
    if (fault.kind === 'rateLimit' && !admit(Date.now())) {
      return statusReply({ kind: 'status', status: 429, retryAfterSeconds: 1 }, exchange)
    }
  }
  return undefined
}

function statusReply(fault: FaultOf<'status'>, exchange: Exchange): Reply {
  const { status, retryAfterSeconds, body } = fault
  const usual = exchange.wordFault?.(status) ?? { detail: `Fault switch: ${status}` }
  const text = JSON.stringify(body ?? usual)
  if (retryAfterSeconds === undefined) return { status, body: text }
  return { status, body: text, headers: { 'retry-after': String(retryAfterSeconds) } }
}

const htmlPage = '<!doctype html><title>Gateway</title><p>It works, but not as you think.</p>'

async function sendSpoiled(response: ServerResponse, reply: Reply, faults: readonly Fault[]) {
  const body = Buffer.from(reply.body)
  for (const fault of faults) {
    switch (fault.kind) {
      case 'truncated':
        return void sendReply(response, { ...reply, body: body.subarray(0, body.length / 2) })
      case 'wrongJson':
        return void sendReply(response, wrongShape(fault.shape ?? 'html'))
      case 'trickle':
        return trickle(response, { ...reply, body }, fault.msPerByte ?? 5)
      case 'huge':
        return pad(response, { ...reply, body }, fault.bytes ?? 100_000_000)
      default:
    }
  }
  return void sendReply(response, reply)
}

function wrongShape(shape: 'html' | 'json'): Reply {
  if (shape === 'json') return { status: 200, body: '{"result":"ok"}' }
  return { status: 200, body: htmlPage, headers: { 'content-type': 'text/html' } }
}

type Prepared = Reply & { body: Buffer }

async function trickle(response: ServerResponse, reply: Prepared, msPerByte: number) {
  const { length } = reply.body
  response.writeHead(reply.status, { ...jsonType, ...reply.headers, 'content-length': length })
  for (const byte of reply.body) {
    if (response.destroyed) return
    response.write(Buffer.of(byte))
    await delay(msPerByte, undefined, { ref: false })
  }
  response.end()
}

async function pad(response: ServerResponse, reply: Prepared, bytes: number) {
  response.writeHead(reply.status, { ...jsonType, ...reply.headers })
  response.write(reply.body)
  const left = new AbortController()
  response.once('close', () => left.abort())
  const blanks = Buffer.alloc(64 * 1024, ' ')
  for (let sent = reply.body.length; sent < bytes; sent += blanks.length) {
    if (response.destroyed) return
    if (!response.write(blanks)) await drained(response, left.signal)
  }
  response.end()
}

/** Until there is room for more, or nobody who reads it. */
function drained(response: ServerResponse, signal: AbortSignal): Promise<unknown> {
  return once(response, 'drain', { signal }).catch((error: unknown) => {
    if (!signal.aborted) throw error
  })
}
