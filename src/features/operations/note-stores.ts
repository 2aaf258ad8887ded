import { newId } from '../../lib/id.ts'
import type { Database } from '../../platform/postgres/database.ts'
import type { RequestTotals } from '../../platform/http/recent.ts'
import type { ZeroDb } from '../../platform/zerodb.ts'

export interface NoteStoresDeps {
  database: Database
  zerodb: ZeroDb
}

/** This process as ZeroDB's client, and what it had sent when it last took a note. */
interface Noted {
  instance: string
  totals: RequestTotals
}

const noted = new WeakMap<ZeroDb, Noted>()

const noteSql = `
  insert into stores.zerodb_minutes
    (minute, instance, requests, failures, slow, p50_ms, p95_ms, p99_ms)
  values (date_trunc('minute', now()), ?, ?, ?, ?, ?, ?, ?)
  on conflict (minute, instance) do update set
    requests = zerodb_minutes.requests + excluded.requests,
    failures = zerodb_minutes.failures + excluded.failures,
    slow = zerodb_minutes.slow + excluded.slow,
    p50_ms = excluded.p50_ms, p95_ms = excluded.p95_ms, p99_ms = excluded.p99_ms`

/**
 * Notes how ZeroDB has answered this process since the last note, which was a minute ago. Nothing when
 * it was asked nothing. What could not be noted is in the next note.
 */
export async function noteStores({ database, zerodb }: NoteStoresDeps): Promise<void> {
  const { p50Ms, p95Ms, p99Ms, totals } = zerodb.health()
  const { instance, totals: before } = noted.get(zerodb) ?? { instance: newId(), totals: none }
  const requests = totals.requests - before.requests
  if (requests === 0) return
  const [failures, slow] = [totals.failures - before.failures, totals.slow - before.slow]
  await database.systemTransaction((tx) =>
    tx.execute(noteSql, [instance, requests, failures, slow, p50Ms, p95Ms, p99Ms]),
  )
  noted.set(zerodb, { instance, totals })
}

const none: RequestTotals = { requests: 0, failures: 0, slow: 0 }
