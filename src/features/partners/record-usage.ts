import { UpstreamError } from '../../lib/errors.ts'
import { mapLimit } from '../../lib/map-limit.ts'
import { withoutSecrets } from '../../lib/without-secrets.ts'
import type { Log } from '../../platform/log.ts'
import type { Database } from '../../platform/postgres/database.ts'
import { stepOf, steps } from './latency-scale.ts'
import { maxOperations, otherOperations, type Usage, writeUsage } from './write-usage.ts'

/** One operation that a key asked for, when it is over. */
export interface KeyCall {
  tenantId: string
  apiKeyId: string
  /** The client's own word. */
  operationName: string | undefined
  /** Of a trusted document. */
  documentId: string | null
  cost: number
  durationMs: number
  failed: boolean
}

/** Disposing it writes what is left. */
export interface UsageRecorder extends AsyncDisposable {
  note(call: KeyCall): void
}

const flushMs = 2_000
const tenantsAtOnce = 4
const maxNameLength = 100

/** What one key has asked for, by day, operation and document. */
interface Tally {
  tenantId: string
  usages: Map<string, Usage>
}

/**
 * Counts in memory what keys ask for and adds it to the table every two seconds. What cannot be written is
 * kept for the next time, so what was written while its answer was lost is counted twice.
 */
export function createUsageRecorder({ database, log }: { database: Database; log: Log }) {
  let tallies = new Map<string, Tally>()
  let flushed = Promise.resolve()

  const count = (tenantId: string, usage: Usage) => {
    const tally = tallies.get(usage.apiKeyId) ?? { tenantId, usages: new Map<string, Usage>() }
    tallies.set(usage.apiKeyId, tally)
    add(tally.usages, usage)
  }
  const write = async ([tenantId, due]: [string, Tally[]]) => {
    const usages = due.flatMap((tally) => [...tally.usages.values()])
    try {
      await writeUsage(database, tenantId, usages)
    } catch (error) {
      const isKept = error instanceof UpstreamError
      log.warn({ err: error, tenantId, isKept }, 'usage of keys not written')
      if (isKept) for (const usage of usages) count(tenantId, usage)
    }
  }
  const flush = () => {
    flushed = flushed.then(async () => {
      const due = [...Map.groupBy(tallies.values(), ({ tenantId }) => tenantId)]
      tallies = new Map()
      await mapLimit(due, tenantsAtOnce, write)
    })
    return flushed
  }
  const timer = setInterval(() => void flush(), flushMs).unref()
  const recorder: UsageRecorder = {
    note: (call) => count(call.tenantId, usageOf(call)),
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      await flush()
      // What could not be written has no later time now.
      if (tallies.size > 0) await flush()
    },
  }
  return recorder
}

function usageOf(call: KeyCall): Usage {
  const { apiKeyId, operationName, documentId, cost, durationMs, failed } = call
  const usedAt = new Date().toISOString()
  const latencies = Array<number>(steps).fill(0)
  latencies[stepOf(durationMs)] = 1
  return {
    apiKeyId,
    day: usedAt.slice(0, 10),
    operationName: withoutSecrets(operationName ?? '').slice(0, maxNameLength),
    documentId: documentId ?? '',
    calls: 1,
    cost,
    errors: failed ? 1 : 0,
    latencies,
    usedAt,
  }
}

/** Names are clients' own: beyond so many, all further ones are counted as one. */
function add(usages: Tally['usages'], usage: Usage): void {
  const { day, operationName, documentId } = usage
  const key = JSON.stringify([day, operationName, documentId])
  const known = usages.get(key)
  if (known) {
    known.calls += usage.calls
    known.cost += usage.cost
    known.errors += usage.errors
    known.latencies = known.latencies.map((count, step) => count + (usage.latencies[step] ?? 0))
    if (usage.usedAt > known.usedAt) known.usedAt = usage.usedAt
  } else if (usages.size < maxOperations || operationName === otherOperations) {
    usages.set(key, usage)
  } else {
    add(usages, { ...usage, operationName: otherOperations, documentId: '' })
  }
}
