import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createProbeServer } from '../../src/app/probe-server.ts'
import type { Services } from '../../src/platform/services.ts'
import { expectNoCanaries } from './canaries.ts'

/** Where an instance tells its operators how it is. */
export interface MetricsServer extends AsyncDisposable {
  url: string
  stop: AbortController
  /** The text of /metrics. */
  scrape(): Promise<string>
}

export async function startMetricsServer(services: Services): Promise<MetricsServer> {
  const stop = new AbortController()
  const server = createProbeServer(services, stop.signal).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url,
    stop,
    async scrape() {
      const response = await fetch(`${url}/metrics`)
      const text = await response.text()
      expectNoCanaries(text, 'the metrics')
      return text
    },
    async [Symbol.asyncDispose]() {
      server.close()
      server.closeAllConnections()
    },
  }
}

/** The sum of the series of `name` that have all these labels. */
export function valueOf(text: string, name: string, labels: Record<string, string> = {}): number {
  const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`)
  return text
    .split('\n')
    .filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
    .filter((line) => wanted.every((label) => line.includes(label)))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0)
}
