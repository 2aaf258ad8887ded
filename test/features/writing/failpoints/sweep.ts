import { setTimeout } from 'node:timers/promises'
import { collectPurgedOf } from '../../../../src/features/editing/collect-purged.ts'
import { drainQueueOf } from '../../../../src/features/writing/drain-queue.ts'
import { expireVersions } from '../../../../src/features/versions/expire-versions.ts'
import { sweepTenant } from '../../../../src/features/writing/sweep-writes.ts'
import { newChecked } from '../../../../src/features/recovery/finding.ts'
import { verifyIntegrity } from '../../../../src/features/recovery/verify-integrity.ts'
import type { Step } from '../../../../src/lib/failpoints.ts'
import { mapLimit } from '../../../../src/lib/map-limit.ts'
import type { TestTenant } from '../../../support/gateway.ts'
import { type Attempt, type Operation, passTime, type World } from './operations.ts'
import { type ArmedStrike, nameOf, type Strike, strikesAt } from './strikes.ts'

/** What follows a first attempt that was struck. */
export const recoveries = ['none', 'same key', 'sweep, then same key', 'two at once'] as const
export type Recovery = (typeof recoveries)[number]

export interface Case {
  operation: Operation
  first: Strike
  recovery: Recovery
  /** Befalls the recovery, or what the first attempt does about the first strike. */
  second?: Strike
}

function describe({ operation, first, recovery, second }: Case): string {
  return [operation.name, nameOf(first), recovery, second && nameOf(second)]
    .filter((part) => part !== undefined)
    .join(' · ')
}

/** What an operation does when nothing goes wrong: the steps it takes, and what it changes. */
export interface Reference {
  steps: Step[]
  change: State
}

/** Rows of a tenant that writes change, counted. */
type State = Record<string, number>

const stateSql = `
  select (select count(*) from content_items where tenant_id = $1) as contents,
    (select count(*) from content_items where tenant_id = $1 and deleted_at is null) as live,
    (select count(*) from content_items where tenant_id = $1 and status = 'published') as published,
    (select coalesce(sum(version), 0) from content_items where tenant_id = $1) as "sumOfVersions",
    (select count(*) from content_versions where tenant_id = $1) as versions,
    (select count(*) from content_versions
     where tenant_id = $1 and documents_removed_at is not null) as "versionsRemoved",
    (select count(*) from content_tombstones where tenant_id = $1) as tombstones,
    (select count(*) from audit_events where tenant_id = $1) as audited,
    (select count(*) from backup_outbox where tenant_id = $1) as events,
    total_content_items as items, total_storage_bytes as used, stored_body_bytes as stored,
    reserved_bytes as reserved
  from content_storage_usage where tenant_id = $1`

async function stateOf({ gateway }: World, { id }: TestTenant): Promise<State> {
  const { rows } = await gateway.database.admin.query<Record<string, string>>(stateSql, [id])
  const entries = Object.entries(rows[0] ?? {})
  return Object.fromEntries(entries.map(([name, value]) => [name, Number(value)]))
}

function changeBetween(before: State, after: State): State {
  return Object.fromEntries(
    Object.entries(after).map(([name, value]) => [name, value - (before[name] ?? 0)]),
  )
}

/** Runs an operation without a fault. */
export async function referenceOf(world: World, operation: Operation): Promise<Reference> {
  const tenant = await world.gateway.newTenant()
  const contentId = await operation.prepare(world, tenant)
  const before = await stateOf(world, tenant)
  world.failpoints.setAway(tenant.id, operation.away ?? false)
  const trace = world.failpoints.trace(tenant.id)
  const { signal } = new AbortController()
  const attempt = await operation.attempt(world, tenant, contentId, signal)
  if (attempt.end !== 'done') throw new Error(`${operation.name}: ${JSON.stringify(attempt)}`)
  const steps = [...new Set(trace)]
  world.failpoints.forget(tenant.id)
  await settleDown(world, tenant)
  return { steps, change: changeBetween(before, await stateOf(world, tenant)) }
}

/** Steps that a write takes only when something has gone wrong. */
const repairSteps: readonly Step[] = ['abort', 'resolve']
const sweepSteps: readonly Step[] = [
  'fence',
  'deleteBodies',
  'deleteHistory',
  'markSwept',
  'forgetOld',
]

/** Every case of an operation with one fault, then every case with a second one. */
export function casesOf(operation: Operation, { steps }: Reference): { one: Case[]; two: Case[] } {
  const firsts = steps.flatMap(strikesAt).filter((strike) => !isIdle(operation, strike))
  const one = firsts.flatMap((first) =>
    recoveries.map((recovery): Case => ({ operation, first, recovery })),
  )
  const two = one.flatMap((single): Case[] => {
    const more = single.recovery === 'sweep, then same key' ? sweepSteps : []
    const seconds = [...steps, ...repairSteps, ...more].flatMap(strikesAt)
    return seconds
      .filter((second) => second.kind !== 'zombie' && !isIdle(operation, second))
      .map((second) => ({ ...single, second }))
  })
  return { one, two }
}

/** While ZeroDB is away its calls fail before anything could be struck after them. */
function isIdle({ away = false }: Operation, { step, edge }: Strike): boolean {
  return away && edge === 'after' && (step === 'storeBody' || step === 'storeHistory')
}

/** No case takes a tenth of this, unless somebody waits for the dead. */
const caseMs = 30_000

/** Runs cases side by side; answers what went wrong. */
export async function runCases(
  world: World,
  cases: readonly Case[],
  references: ReadonlyMap<Operation, Reference>,
): Promise<string[]> {
  const complaints: string[] = []
  await mapLimit(cases, 4, async (one) => {
    const reference = references.get(one.operation) as Reference
    const running = runCase(world, one, reference).catch((error: unknown) => [
      error instanceof Error ? (error.stack ?? error.message) : String(error),
    ])
    const found = await Promise.race([running, setTimeout(caseMs, ['hangs'], { ref: false })])
    complaints.push(...found.map((complaint) => `${describe(one)}: ${complaint}`))
  })
  return complaints
}

async function runCase(world: World, one: Case, reference: Reference): Promise<string[]> {
  const { gateway, failpoints } = world
  const { operation, first, recovery, second } = one
  const tenant = await gateway.newTenant()
  const contentId = await operation.prepare(world, tenant)
  const before = await stateOf(world, tenant)
  failpoints.setAway(tenant.id, operation.away ?? false)
  const attempts: Attempt[] = []
  const armed = failpoints.arm(tenant.id, first)
  // A repair is part of the attempt that needs it; everything else is struck when it is repeated.
  const isRepair = second && repairSteps.includes(second.step)
  const early = isRepair ? failpoints.arm(tenant.id, second) : undefined
  /** So many callers side by side; a process that dies takes the connection of its caller with it. */
  const attempt = async (strike?: ArmedStrike, callers = 1) => {
    const death = new AbortController()
    const mayDie = strike?.kind === 'crash' && !strike.hasStruck()
    const running = Array.from({ length: callers }, () =>
      operation.attempt(world, tenant, contentId, death.signal),
    )
    if (mayDie) {
      await Promise.race([Promise.all(running), strike.struck])
      if (strike.hasStruck() && strike.victim() !== armed.victim()) {
        // One of them is dead; the other, if there is one, ends by itself.
        if (callers > 1) await Promise.race(running)
        death.abort()
      }
    }
    attempts.push(...(await Promise.all(running)))
    return attempts.at(-1) as Attempt
  }
  const death = new AbortController()
  const opening = operation.attempt(world, tenant, contentId, death.signal)
  await Promise.race([armed.struck, opening])
  if (first.kind === 'crash') death.abort()
  if (early?.kind === 'crash' && first.kind !== 'zombie') {
    await Promise.race([opening, early.struck])
    death.abort()
  }
  if (first.kind !== 'zombie') attempts.push(await opening)
  const more = early ?? (second && failpoints.arm(tenant.id, second))
  await passTime(gateway, tenant)
  if (recovery === 'none' || recovery === 'sweep, then same key') {
    await untilStruck(() => sweep(world, tenant), more)
  }
  if (recovery === 'two at once') await attempt(more, 2)
  if (recovery !== 'none') await retry(world, tenant, () => attempt(more))
  if (first.kind === 'zombie') {
    armed.wake()
    // The second strike may have killed the sleeper in what it did meanwhile, or wait for it.
    const isDead = more?.kind === 'crash' && more.victim() === armed.victim()
    if (!isDead) await untilStruck(() => opening, more)
    death.abort()
    attempts.push(await opening)
  }
  failpoints.forget(tenant.id)
  await settleDown(world, tenant)

  const change = changeBetween(before, await stateOf(world, tenant))
  const findings = await findingsOf(world, tenant)
  return [...findings, ...judge(attempts, change, reference, { recovery, armed })]
}

/** A client that does not give up: the same call, until it is told that it was done. */
async function retry(
  { gateway }: World,
  tenant: TestTenant,
  attempt: () => Promise<Attempt>,
): Promise<void> {
  for (let count = 0; count < 8; count++) {
    if ((await attempt()).end === 'done') return
    await passTime(gateway, tenant)
  }
  throw new Error('repeated eight times without success')
}

/** Until the work is done, or its process dies. */
async function untilStruck(
  work: () => Promise<unknown>,
  armed: ArmedStrike | undefined,
): Promise<void> {
  const mayDie = armed?.kind === 'crash' && !armed.hasStruck()
  const done = work().catch(() => {})
  await (mayDie ? Promise.race([done, armed.struck]) : done)
}

function depsOf({ gateway }: World) {
  return { ...gateway.services, signal: AbortSignal.timeout(30_000) }
}

async function sweep(world: World, tenant: TestTenant): Promise<void> {
  await sweepTenant(depsOf(world), tenant.id)
}

/** Two days later: every task has come by, more than once. */
async function settleDown(world: World, tenant: TestTenant): Promise<void> {
  const deps = depsOf(world)
  for (const hours of [0, 25]) {
    await passTime(world.gateway, tenant, hours)
    await sweepTenant(deps, tenant.id)
    await drainQueueOf(deps, tenant.id)
    await collectPurgedOf(deps, tenant.id)
    await expireVersions(deps, { tenantIds: [tenant.id] })
  }
}

async function findingsOf(world: World, tenant: TestTenant): Promise<string[]> {
  const checked = newChecked()
  const findings = await Array.fromAsync(
    verifyIntegrity({ ...depsOf(world), checked }, [tenant.id]),
  )
  return findings.map(({ invariant, message, subject }) =>
    [invariant, JSON.stringify(subject), message].join(' '),
  )
}

/** I3, I6 and I7: what was acknowledged is there once, what failed is not. */
function* judge(
  attempts: readonly Attempt[],
  change: State,
  { change: expected }: Reference,
  { recovery, armed }: { recovery: Recovery; armed: ArmedStrike },
): Iterable<string> {
  if (!armed.hasStruck()) yield 'the strike met nothing'
  const isEffect = sameState(change, expected)
  const isNothing = Object.values(change).every((value) => value === 0)
  const done = attempts.filter(({ end }) => end === 'done')
  const said = attempts.map(({ end }) => end).join(', ')
  if (recovery !== 'none' && done.length === 0) yield `never succeeded (${said})`
  if (done.length > 0 && !isEffect) {
    yield `acknowledged (${said}), but changed ${JSON.stringify(change)}, not ${JSON.stringify(expected)}`
  }
  if (attempts.every(({ end }) => end === 'failed') && !isNothing) {
    yield `failed (${said}), but changed ${JSON.stringify(change)}`
  }
  if (!isEffect && !isNothing) yield `half done: ${JSON.stringify(change)}`
  const ids = new Set(done.flatMap((attempt) => ('contentId' in attempt ? attempt.contentId : [])))
  if (ids.size > 1) yield `repeats answered with different contents: ${[...ids].join(', ')}`
}

function sameState(a: State, b: State): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}
