import { UpstreamError } from '../../../../src/lib/errors.ts'
import { armFailpoints, type Step, type StepContext } from '../../../../src/lib/failpoints.ts'

/** What can befall a step (FAULTS 1.1). */
export type FaultKind =
  /** The process dies there. */
  | 'crash'
  /** The store did not get the request, and the caller knows. */
  | 'notApplied'
  /** The store did as it was told, and the caller does not know. */
  | 'answerLost'
  /** The process falls asleep there, and wakes when everything else is over. */
  | 'zombie'

export interface Strike {
  step: Step
  edge: 'before' | 'after'
  kind: FaultKind
}

/** Every way to strike a step. */
export function strikesAt(step: Step): Strike[] {
  return [
    { step, edge: 'before', kind: 'crash' },
    { step, edge: 'after', kind: 'crash' },
    { step, edge: 'before', kind: 'notApplied' },
    { step, edge: 'after', kind: 'answerLost' },
    { step, edge: 'before', kind: 'zombie' },
    { step, edge: 'after', kind: 'zombie' },
  ]
}

export function nameOf({ step, edge, kind }: Strike): string {
  return `${kind} ${edge} ${step}`
}

const zerodbSteps: ReadonlySet<Step> = new Set<Step>([
  'storeBody',
  'storeHistory',
  'deleteBodies',
  'deleteHistory',
  'removeExpiredBodies',
  'removeExpiredHistory',
  'removePurgedBodies',
  'removePurgedHistory',
  'storeQueued',
])

/** A strike that waits for its step, and what became of it. */
export interface ArmedStrike {
  kind: FaultKind
  /** Resolves when it has struck. */
  struck: Promise<void>
  hasStruck(): boolean
  /** Whose step it was: all steps of one request carry the same context. */
  victim(): StepContext | undefined
  /** Wakes a zombie. */
  wake(): void
}

interface Pending extends Strike {
  fire(victim: StepContext): void
  asleep: Promise<void>
}

/** The failpoints of this process, tenant by tenant, so that many cases can run at once. */
export class Failpoints implements Disposable {
  readonly #pending = new Map<string, Pending[]>()
  readonly #away = new Set<string>()
  readonly #traces = new Map<string, Step[]>()
  readonly #armed = armFailpoints((step, edge, context) => this.#pass(step, edge, context))
  /** The steps that were struck so far. */
  readonly stepsStruck = new Set<Step>()

  /** Strikes the next time that this tenant's work comes by. */
  arm(tenantId: string, strike: Strike): ArmedStrike {
    const fired = Promise.withResolvers<void>()
    const gate = Promise.withResolvers<void>()
    let victim: StepContext | undefined
    const fire = (struck: StepContext) => {
      victim = struck
      this.stepsStruck.add(strike.step)
      fired.resolve()
    }
    const pending: Pending = { ...strike, fire, asleep: gate.promise }
    this.#pending.set(tenantId, [...(this.#pending.get(tenantId) ?? []), pending])
    const { kind } = strike
    return {
      kind,
      struck: fired.promise,
      hasStruck: () => victim !== undefined,
      victim: () => victim,
      wake: gate.resolve,
    }
  }

  /** No store of documents for this tenant, until it is told otherwise. */
  setAway(tenantId: string, isAway: boolean): void {
    if (isAway) this.#away.add(tenantId)
    else this.#away.delete(tenantId)
  }

  /** Writes down the steps that this tenant's work takes from now on. */
  trace(tenantId: string): Step[] {
    const steps: Step[] = []
    this.#traces.set(tenantId, steps)
    return steps
  }

  /** Nothing more happens to this tenant. */
  forget(tenantId: string): void {
    this.#pending.delete(tenantId)
    this.#traces.delete(tenantId)
    this.#away.delete(tenantId)
  }

  async #pass(step: Step, edge: Strike['edge'], context: StepContext): Promise<void> {
    const { tenantId } = context
    if (edge === 'before') this.#traces.get(tenantId)?.push(step)
    const pending = this.#pending.get(tenantId) ?? []
    const next = pending.find((strike) => strike.step === step && strike.edge === edge)
    if (next) {
      pending.splice(pending.indexOf(next), 1)
      next.fire(context)
      await befall(next)
    }
    const isAway = this.#away.has(tenantId) && edge === 'before' && zerodbSteps.has(step)
    if (isAway) throw failure(step, false)
  }

  [Symbol.dispose](): void {
    this.#armed[Symbol.dispose]()
  }
}

function befall({ step, kind, asleep }: Pending): Promise<void> {
  if (kind === 'crash') return new Promise(() => {})
  if (kind === 'zombie') return asleep
  return Promise.reject(failure(step, kind === 'answerLost'))
}

function failure(step: Step, mayHaveApplied: boolean): UpstreamError {
  const neighbour = zerodbSteps.has(step) ? 'ZeroDB' : 'PostgreSQL'
  return new UpstreamError(neighbour, 'unavailable', 'struck by a test', { mayHaveApplied })
}
