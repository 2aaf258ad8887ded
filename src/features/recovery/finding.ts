import type { Database } from '../../platform/postgres/database.ts'
import type { TenantReads } from '../../platform/postgres/reads.ts'
import type { ZeroDb } from '../../platform/zerodb.ts'

/** What must hold at every moment, whoever is writing; `gateway fsck --help` shows this list. */
export const invariants = {
  I1: 'every version has its body and its history entry in ZeroDB, and contents stand at their last version',
  I2: 'usage is exact: counters, live contents, ledger and open reservations agree',
  I3: 'an idempotency key has at most one effect, an external reference at most one live content',
  I4: 'every version has exactly one outbox event',
  I5: 'nothing is left behind: no document without a version, no dead write that is not swept',
} as const

export type Invariant = keyof typeof invariants

/** One violation, with the ids it takes to look at it. */
export interface Finding {
  invariant: Invariant
  tenantId: string
  subject: Readonly<Record<string, string | number>>
  message: string
}

/** How much has been looked at; counted while the check runs. */
export interface Checked {
  tenants: number
  contents: number
  versions: number
  /** Rows in ZeroDB: bodies and history entries. */
  documents: number
  /** What the sum of the three will be, as PostgreSQL tells at the start. */
  expected: number
}

export function newChecked(): Checked {
  return { tenants: 0, contents: 0, versions: 0, documents: 0, expected: 0 }
}

export interface IntegrityDeps {
  database: Pick<Database, 'reads'>
  zerodb: Pick<ZeroDb, 'getRowsByKey' | 'eachRow'>
  signal: AbortSignal
  checked: Checked
}

/** What the checks of one tenant work with. */
export interface TenantDeps extends IntegrityDeps {
  tenantId: string
  reads: TenantReads
}
