import type { Database } from '../../platform/postgres/database.ts'
import { generationBell } from '../generation/generation-bell.ts'
import { ringForgotten } from '../tenancy/ring-forgotten.ts'

const unfinished = {
  table: 'content_generation_jobs',
  isUnfinished: `status in ('pending', 'running', 'cancelling')`,
}

/** Rings again for generation jobs that nobody has in hand. */
export function ringJobs(deps: { database: Database; signal: AbortSignal }): Promise<void> {
  return ringForgotten(deps, unfinished, generationBell)
}
