import { createServer, type Server } from 'node:http'
import type { Services } from '../platform/services.ts'
import { registry } from '../platform/telemetry/metrics.ts'
import { sendJson } from './answer.ts'
import { createProbes, type Handler } from './probes.ts'
import { createScrape } from './scrape.ts'

/**
 * /metrics and the probes, for operators alone: a server of its own, not yet listening. Whoever reaches
 * it may read it.
 */
export function createProbeServer(services: Services, stop: AbortSignal): Server {
  const scrape = createScrape(services)
  const routes: Record<string, Handler> = {
    ...createProbes(services, stop),
    '/metrics': async (_request, response) => {
      const text = await scrape()
      response.writeHead(200, { 'content-type': registry.contentType }).end(text)
    },
  }
  return createServer((request, response) => {
    const route = routes[request.url ?? '']
    if (!route) return sendJson(response, 404, { error: 'There is nothing here. Try /metrics.' })
    Promise.try(route, request, response).catch((error: unknown) => {
      services.log.error({ err: error }, 'probe failed')
      response.destroy()
    })
    return undefined
  })
}
