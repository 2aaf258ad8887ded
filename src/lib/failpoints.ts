/**
 * Every step of every write across the stores, in the order in which they are taken. Tests strike
 * before and after each of them; a step that no test reaches fails the build.
 */
export const writeSteps = [
  'begin',
  'storeBody',
  'storeHistory',
  'commit',
  'resolve',
  'abort',
  'fence',
  'deleteBodies',
  'deleteHistory',
  'markSwept',
  'forgetOld',
  'markExpired',
  'removeExpiredBodies',
  'removeExpiredHistory',
  'settleExpired',
  'purge',
  'removePurgedBodies',
  'removePurgedHistory',
  'settlePurged',
  'claimQueued',
  'storeQueued',
  'settleQueued',
] as const

/** Every step on the way of events to the recovery copy, in the same way. */
export const relaySteps = [
  'claimBatch',
  'readBatch',
  'noteRows',
  'load',
  'findLoaded',
  'removePurgedCopies',
  'settleBatch',
] as const

export type Step = (typeof writeSteps | typeof relaySteps)[number]

export interface StepContext {
  /** `relay` for the steps that many tenants share. */
  readonly tenantId: string
}

/**
 * Called before and after each step of whoever `context` belongs to. Throwing fails the step there;
 * a promise that stays pending is a process that has died, or sleeps.
 */
export type StrikeStep = (
  step: Step,
  edge: 'before' | 'after',
  context: StepContext,
) => Promise<void>

let strike: StrikeStep | undefined

/** For tests: one handler for the whole process until disposed. */
export function armFailpoints(handler: StrikeStep): Disposable {
  strike = handler
  return {
    [Symbol.dispose]() {
      strike = undefined
    },
  }
}

/** Runs one step between its two failpoints, which do nothing unless a test has armed them. */
export async function step<T>(
  name: Step,
  context: StepContext,
  work: () => Promise<T>,
): Promise<T> {
  if (!strike) return work()
  await strike(name, 'before', context)
  const result = await work()
  await strike?.(name, 'after', context)
  return result
}
