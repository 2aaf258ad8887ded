import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Services } from '../platform/services.ts'
import { sendJson } from './answer.ts'

export type Handler = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>

/** Of the API (E-095), not of this program. */
const version = '2.0.0'

/**
 * What a platform asks to know whether to restart this process (/livez) or to send it requests
 * (/readyz). ZeroDB, BigQuery and the identity provider are told and do not count: without them much
 * still works, and another instance would miss them just the same. `stop` aborts when the process ends.
 */
export function createProbes(
  services: Pick<Services, 'health' | 'identityProvider'>,
  stop: AbortSignal,
): Record<string, Handler> {
  return {
    '/livez': (_request, response) => sendJson(response, 200, { status: 'ok' }),
    '/health': (_request, response) =>
      sendJson(response, 200, { status: 'healthy', timestamp: new Date().toISOString(), version }),
    '/readyz': async (_request, response) => {
      if (stop.aborted) return sendJson(response, 503, { status: 'stopping' })
      const { postgres, ...others } = await look(services)
      const isReady = postgres !== 'down'
      const status = isReady ? 'ready' : 'not ready'
      return sendJson(response, isReady ? 200 : 503, { status, postgres, ...others })
    },
  }
}

async function look({ health, identityProvider }: Parameters<typeof createProbes>[0]) {
  const [reports, provider] = await Promise.all([health.look(), identityProvider.look()])
  const states = Object.fromEntries(reports.map(({ store, state }) => [store, state]))
  return { ...states, identityProvider: provider } as Record<string, string>
}
