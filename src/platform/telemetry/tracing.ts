import {
  type Attributes,
  type AttributeValue,
  context,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Tracer,
} from '@opentelemetry/api'
import type { IncomingHttpHeaders } from 'node:http'

/**
 * Undefined while nobody collects traces: a span then costs one comparison, and no context follows
 * the calls. Known to this module alone: libraries that trace by themselves would send what they are
 * asked, secrets and all.
 */
let tracer: Tracer | undefined

const exportMs = 5_000

export function isTracing(): boolean {
  return tracer !== undefined
}

/** Sends spans to an OTLP collector until disposed; what was not sent yet leaves then. */
export async function startTracing(endpoint: string): Promise<AsyncDisposable> {
  const [{ AsyncLocalStorageContextManager }, core, sdk, { OTLPTraceExporter }, resources] =
    await Promise.all([
      import('@opentelemetry/context-async-hooks'),
      import('@opentelemetry/core'),
      import('@opentelemetry/sdk-trace'),
      import('@opentelemetry/exporter-trace-otlp-http'),
      import('@opentelemetry/resources'),
    ])
  const exporter = new OTLPTraceExporter({
    url: `${endpoint.replace(/\/$/, '')}/v1/traces`,
    timeoutMillis: exportMs,
  })
  const provider = new sdk.TracerProvider({
    resource: resources.resourceFromAttributes({ 'service.name': 'content-gateway' }),
    spanProcessors: [new sdk.BatchSpanProcessor({ exporter, scheduledDelayMillis: 1_000 })],
  })
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  propagation.setGlobalPropagator(new core.W3CTraceContextPropagator())
  tracer = provider.getTracer('content-gateway')
  return {
    async [Symbol.asyncDispose]() {
      tracer = undefined
      // A collector that is away must not keep the process.
      await provider.shutdown().catch(() => {})
    },
  }
}

/** Runs `work` as part of the trace that whoever sent these headers has begun (W3C Trace Context). */
export function continueTrace<T>(headers: IncomingHttpHeaders, work: () => T): T {
  if (!tracer || headers['traceparent'] === undefined) return work()
  return context.with(propagation.extract(ROOT_CONTEXT, headers), work)
}

/** The headers by which another server goes on with this trace; none while there is no trace. */
export function traceHeaders(): Record<string, string> | undefined {
  if (!tracer) return undefined
  const headers: Record<string, string> = {}
  propagation.inject(context.active(), headers)
  return headers
}

/** A span around `work`. Of an error it keeps the name, never the words, which may quote anything. */
export function traced<T>(
  name: string,
  attributes: Attributes,
  work: () => Promise<T>,
  kind = SpanKind.INTERNAL,
): Promise<T> {
  if (!tracer) return work()
  return tracer.startActiveSpan(name, { attributes, kind }, async (span) => {
    try {
      return await work()
    } catch (error) {
      span.setStatus({ code: SpanStatusCode.ERROR })
      if (error instanceof Error) span.setAttribute('error.type', error.name)
      throw error
    } finally {
      span.end()
    }
  })
}

/** The same for a small step, which says something only as part of a larger one. */
export function tracedStep<T>(
  name: string,
  attributes: Attributes,
  work: () => Promise<T>,
): Promise<T> {
  if (!tracer || !trace.getActiveSpan()) return work()
  return traced(name, attributes, work, SpanKind.CLIENT)
}

/** Adds to the span that is under way. */
export function noteInSpan(name: string, value: AttributeValue): void {
  if (tracer) trace.getActiveSpan()?.setAttribute(name, value)
}

export function failSpan(): void {
  if (tracer) trace.getActiveSpan()?.setStatus({ code: SpanStatusCode.ERROR })
}
