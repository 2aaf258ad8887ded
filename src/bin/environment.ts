import { entities } from '../app/entities.ts'
import type { Config } from '../platform/config.ts'
import { loadConfig } from '../platform/config.ts'
import { openServices, type Services } from '../platform/services.ts'
import { startTracing } from '../platform/telemetry/tracing.ts'
import { type OpenNeighbours, openNeighbours } from './neighbours.ts'

export interface Environment extends AsyncDisposable {
  config: Config
  neighbours: OpenNeighbours
  services: Services
}

/**
 * Configuration, neighbours or their stand-ins, and the services over them. A command that tells people
 * itself what it does is `quiet`: it writes no log, whatever LOG_LEVEL is.
 */
export async function openEnvironment({ quiet = false } = {}): Promise<Environment> {
  const loaded = loadConfig(process.env)
  const config: Config = quiet ? { ...loaded, LOG_LEVEL: 'silent' } : loaded
  await using opened = new AsyncDisposableStack()
  const { OTEL_EXPORTER_OTLP_ENDPOINT: collector } = config
  if (collector !== undefined) opened.use(await startTracing(collector))
  const neighbours = opened.use(await openNeighbours(config))
  const services = opened.use(await openServices(config, neighbours, entities))
  const kept = opened.move()
  return { config, neighbours, services, [Symbol.asyncDispose]: () => kept.disposeAsync() }
}

/** Aborts when the process is asked to stop; its reason is the signal's name. */
export function stopSignal(): AbortSignal {
  const stop = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => stop.abort(signal))
  return stop.signal
}
