import type { GraphQLError } from 'graphql'
import type { Origin, Viewer } from '../lib/viewer.ts'
import type { Log } from '../platform/log.ts'
import type { Plan } from '../platform/plan.ts'
import { operationEnded } from '../platform/telemetry.ts'

/** What is known of an operation when it ends; least of one that was refused. */
interface EndedOperation {
  name?: string | null | undefined
  kind?: string | undefined
  viewer?: Pick<Viewer, 'tenantId' | 'userId' | 'apiKey'>
  plan: Plan
  /** By `performance.now()`. */
  startedAt: number
}

/** Who waits longer than this asks why. */
const slowMs = 1_000

/** Codes of failures that are not the client's. */
const ours = new Set([
  'INTERNAL_SERVER_ERROR',
  'SERVICE_UNAVAILABLE',
  'CONTENT_STORE_UNAVAILABLE',
  'DEADLINE_EXCEEDED',
])

/** Told once of every operation, and of every event of a subscription: its metric, its span, its log line. */
export function tellOperation(
  log: Log,
  { requestId }: Origin,
  { name, kind, viewer, plan, startedAt }: EndedOperation,
  errors: readonly GraphQLError[] = [],
): void {
  const codes = [...new Set(errors.map(({ extensions }) => String(extensions['code'])))]
  operationEnded(kind, codes, startedAt)
  const ms = Math.round(performance.now() - startedAt)
  const { tenantId, userId, apiKey } = viewer ?? {}
  const who = { tenantId, userId, apiKeyId: apiKey?.id }
  const line = { requestId, operationName: name, kind, ms, codes, ...who, plan }
  if (codes.some((code) => ours.has(code))) log.warn(line, 'operation')
  else if (codes.length > 0 || ms > slowMs) log.info(line, 'operation')
  else log.debug(line, 'operation')
}
