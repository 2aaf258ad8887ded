import type { EntityManager } from '@mikro-orm/postgresql'
import { newId } from '../../lib/id.ts'
import { slowAnswerMs, type RequestTotals } from '../../platform/http/recent.ts'
import type { Database } from '../../platform/postgres/database.ts'
import { maxErrorRate, type StoreHealth } from '../../platform/store-health.ts'

export interface WatchStoresDeps {
  database: Database
  health: StoreHealth
}

export const storeAlertKinds = ['ZERODB_LATENCY', 'ZERODB_ERRORS'] as const
export type StoreAlertKind = (typeof storeAlertKinds)[number]

/** What is looked at together: a bad minute alone is no alert, nor is one that is over soon forgotten. */
const windowMinutes = 5
/** Of fewer requests nothing can be said in percent. */
const minRequests = 20
/** As long as the API shows them. */
export const keptDays = 7
/** An alert ends well below the line at which it opens, or it would flicker. */
const endShare = 0.5
/** The p95 is above a line exactly when more than so many of the answers are. */
const maxSlowShare = 0.05

/**
 * Opens and ends the alerts of ZeroDB, by what all instances have noted. Asks it something first: who
 * is asked nothing can neither be found ill nor well again.
 */
export async function watchStores({ database, health }: WatchStoresDeps): Promise<void> {
  await health.look()
  await database.systemTransaction(async (tx) => {
    await forgetOld(tx)
    const totals = await sumWindow(tx)
    for (const kind of storeAlertKinds) await judge(tx, kind, totals)
  })
}

async function forgetOld(tx: EntityManager): Promise<void> {
  await tx.execute(
    `delete from stores.zerodb_minutes where minute < now() - make_interval(days => ?)`,
    [keptDays],
  )
}

async function sumWindow(tx: EntityManager): Promise<RequestTotals> {
  const [totals] = await tx.execute<RequestTotals[]>(
    `select coalesce(sum(requests), 0)::integer as requests,
       coalesce(sum(failures), 0)::integer as failures, coalesce(sum(slow), 0)::integer as slow
     from stores.zerodb_minutes where minute >= date_trunc('minute', now()) - make_interval(mins => ?)`,
    [windowMinutes],
  )
  if (!totals) throw new TypeError('An aggregate has one row')
  return totals
}

interface Reading {
  share: number
  maxShare: number
  threshold: string
  value: string
}

function read(kind: StoreAlertKind, { requests, failures, slow }: RequestTotals): Reading {
  const answered = requests - failures
  const shareOf = (part: number, whole: number) => (whole === 0 ? 0 : part / whole)
  const percent = (share: number) => `${Math.round(share * 1_000) / 10}%`
  if (kind === 'ZERODB_ERRORS') {
    const share = shareOf(failures, requests)
    const value = `${percent(share)} of ${requests} requests`
    return { share, maxShare: maxErrorRate, threshold: percent(maxErrorRate), value }
  }
  const share = shareOf(slow, answered)
  const value = `${percent(share)} of ${answered} answers took longer than ${slowAnswerMs} ms`
  return { share, maxShare: maxSlowShare, threshold: `p95 ${slowAnswerMs} ms`, value }
}

async function judge(tx: EntityManager, kind: StoreAlertKind, totals: RequestTotals) {
  const { share, maxShare, threshold, value } = read(kind, totals)
  if (totals.requests >= minRequests && share > maxShare) {
    await tx.execute(
      `insert into stores.alerts (id, kind, threshold, value) values (?, ?, ?, ?)
       on conflict (kind) where resolved_at is null do update set value = excluded.value`,
      [newId(), kind, threshold, value],
    )
  } else if (totals.requests > 0 && share <= maxShare * endShare) {
    await tx.execute(
      `update stores.alerts set resolved_at = now() where kind = ? and resolved_at is null`,
      [kind],
    )
  }
}
