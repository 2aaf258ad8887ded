import { z } from 'zod'
import type { Exchange, Incoming, Reply, Service } from '../exchange.ts'
import { startHttpServer, type HttpStandIn } from '../http-server.ts'
import { ChatRequest, promptOf } from './chat-request.ts'
import { complete, countTokens } from './completion.ts'
import { createGauge, type Gauge } from './gauge.ts'

const operations = ['chat', 'models', 'unknown'] as const

export type LlmOperation = (typeof operations)[number]

/** How fast it works, in milliseconds. */
export interface Pace {
  /** Before the first word. */
  latencyMs: number
  msPerToken: number
}

export interface LlmServer extends HttpStandIn<LlmOperation> {
  /** May be changed at any time; holds for the calls that come after. */
  pace: Pace
  /** Calls under way by the callers' keys; at `/__gauge` too. */
  gauge: Gauge
}

/**
 * OpenAI's chat completions on loopback, in this process. Any key is taken: a tenant's own is no
 * worse than the platform's. What it writes comes from templates, and says so.
 */
export async function startLlmServer(
  options: Partial<Pace> & { port?: number } = {},
): Promise<LlmServer> {
  const { port, ...given } = options
  const pace = { latencyMs: 0, msPerToken: 0, ...given }
  const gauge = createGauge()
  const server = await startHttpServer(createService(pace, gauge), port)
  return { ...server, pace, gauge }
}

function createService(pace: Pace, gauge: Gauge): Service<LlmOperation> {
  return {
    operations,
    panel: { '/__gauge': gauge.list },
    accept(request) {
      switch (`${request.method} ${request.path}`) {
        case 'POST /v1/chat/completions':
          return chat(request, pace, gauge)
        case 'GET /v1/models':
          return models
        default:
          return unknown
      }
    },
  }
}

const models: Exchange = {
  details: { operation: 'models' },
  apply: () => ({
    status: 200,
    body: JSON.stringify({
      object: 'list',
      data: [{ id: 'local-writer', object: 'model', created: 0, owned_by: 'local-stand-in' }],
    }),
  }),
}

const unknown: Exchange = {
  details: { operation: 'unknown' },
  apply: () => refuse(404, 'Unknown request URL', 'unknown_url'),
}

/** How much of a prompt and of a key the log shows. */
const loggedCharacters = 2_000
const callerCharacters = 8

function chat(request: Incoming, pace: Pace, gauge: Gauge): Exchange {
  const key = /^Bearer (\S+)$/.exec(request.headers.authorization ?? '')?.[1]
  const asked = ChatRequest.safeParse(tryParse(request.body))
  const text = asked.data ? promptOf(asked.data) : ''
  const caller = key?.slice(-callerCharacters) ?? ''
  return {
    details: { operation: 'chat', text: text.slice(0, loggedCharacters), caller },
    text,
    workMs: pace.latencyMs + (asked.data?.stream ? 0 : pace.msPerToken * usualTokens),
    settled: gauge.enter(key ?? ''),
    apply(struck) {
      if (key === undefined) return refuse(401, 'You did not provide an API key', 'invalid_api_key')
      if (!asked.data) return refuse(400, z.prettifyError(asked.error), 'invalid_request')
      return complete(asked.data, struck, pace.msPerToken)
    },
  }
}

function tryParse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString())
  } catch {
    return undefined
  }
}

/** Of an answer, for the time it takes as a whole. */
const usualTokens = countTokens('x'.repeat(800))

function refuse(status: number, message: string, code: string): Reply {
  const error = { message, type: 'invalid_request_error', param: null, code }
  return { status, body: JSON.stringify({ error }) }
}
