import type { BigQuery } from '../../platform/bigquery.ts'
import type { Database } from '../../platform/postgres/database.ts'
import type { TenantReads } from '../../platform/postgres/reads.ts'
import type { ZeroDb } from '../../platform/zerodb.ts'

/** What must hold at every moment, whoever is writing; `gateway fsck --help` shows this list. */
export const invariants = {
  I1: 'every version that has not expired has its body and its history entry, and contents stand at their last version',
  I2: 'usage is exact: counters, live contents, kept bodies, ledger and open reservations agree',
  I3: 'an idempotency key has at most one effect, an external reference at most one live content',
  I4: 'every version has exactly one outbox event, and so has every purge',
  I5: 'nothing is left behind: no document without a version, no dead write and no purge half done',
  I6: 'what was acknowledged is there: every committed write has its version, and no queue is stuck',
  I7: 'what failed or was purged is not there: no version, no row, no queued document',
  I8: 'a generation job says what its items say, a stored item has its content, and no job is forgotten',
  I9: 'the recovery copy has every version that is noted as copied, once and unchanged, nothing of what was purged, and nothing was given up',
} as const

export type Invariant = keyof typeof invariants

/** What `gateway fsck --repair` can put right without a guess. */
export type RepairKind = 'sweep' | 'purge' | 'orphan' | 'outbox' | 'usage' | 'copy'

/** One violation, with the ids it takes to look at it. */
export interface Finding {
  invariant: Invariant
  tenantId: string
  subject: Readonly<Record<string, string | number>>
  message: string
  /** Absent where somebody has to decide. */
  repair?: RepairKind
  /** Found, put right, and looked for again in vain. */
  repaired?: true
}

/** How much has been looked at; counted while the check runs. */
export interface Checked {
  tenants: number
  contents: number
  versions: number
  /** Rows in ZeroDB: bodies and history entries. */
  documents: number
  /** Rows in the recovery copy; 0 where there is none. */
  copies: number
  /** What the sum of the four will be, as PostgreSQL tells at the start. */
  expected: number
}

export function newChecked(): Checked {
  return { tenants: 0, contents: 0, versions: 0, documents: 0, copies: 0, expected: 0 }
}

export interface IntegrityDeps {
  database: Pick<Database, 'reads'>
  zerodb: Pick<ZeroDb, 'getRowsByKey' | 'eachRow'>
  /** Null where there is none, or where it is not to be looked at. */
  bigquery: BigQuery | null
  signal: AbortSignal
  checked: Checked
}

/** What the checks of one tenant work with. */
export interface TenantDeps extends IntegrityDeps {
  tenantId: string
  reads: TenantReads
}

export interface RepairDeps extends IntegrityDeps {
  database: Database
  zerodb: ZeroDb
  /** What is looked at again after a repair; `checked` counts the first look. */
  rechecked: Checked
}
