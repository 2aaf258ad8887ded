import { explain } from './http/failures.ts'
import { createGate, type Gate } from './http/gate.ts'
import { Refusal } from './http/refusal.ts'

/** Places towards a neighbour that tenants cannot take from each other: each has as many. */
export interface TenantGates {
  /**
   * Runs the work when the tenant has a free place. Throws UpstreamError, `overloaded`, when too many
   * wait for one already, and the signal's reason when it aborts while waiting.
   */
  run<T>(tenantId: string, signal: AbortSignal, work: () => Promise<T>): Promise<T>
}

export interface TenantGatesOptions {
  /** Its name in errors. */
  neighbour: string
  atOnce: number
  waiting: number
}

export function createTenantGates(options: TenantGatesOptions): TenantGates {
  const { neighbour, atOnce, waiting } = options
  const gates = new Map<string, Gate>()
  return {
    async run(tenantId, signal, work) {
      const gate = gates.get(tenantId) ?? createGate(atOnce, waiting)
      gates.set(tenantId, gate)
      try {
        await gate.enter(signal).catch((error: unknown) => {
          throw error instanceof Refusal ? explain(neighbour, error, false) : error
        })
        return await work().finally(() => gate.leave())
      } finally {
        if (gate.inFlight === 0 && gate.queued === 0) gates.delete(tenantId)
      }
    },
  }
}
