import type { Database } from '../../platform/postgres/database.ts'
import { ringForgotten } from '../tenancy/ring-forgotten.ts'
import { restoreBell } from './restore-bell.ts'

const unfinished = { table: 'restore_jobs', isUnfinished: `status in ('pending', 'running')` }

/** Rings again for restores that nobody has in hand. */
export function ringRestores(deps: { database: Database; signal: AbortSignal }): Promise<void> {
  return ringForgotten(deps, unfinished, restoreBell)
}
