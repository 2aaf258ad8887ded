import type { Database } from '../../platform/postgres/database.ts'
import type { GenerationJob } from '../generation/generation-job.entity.ts'
import type { GenerationItem } from '../generation/generation-item.entity.ts'

/** How long a worker that is not heard of keeps a job and its items; by the clock of PostgreSQL. */
export const leaseSeconds = 5
export const renewEveryMs = 1_000

/** A job in the hands of one worker: `attempts` is its fence. */
export type ClaimedJob = Pick<
  GenerationJob,
  | 'id'
  | 'attempts'
  | 'userId'
  | 'brandId'
  | 'campaignSpaceId'
  | 'contentType'
  | 'platforms'
  | 'provider'
  | 'model'
  | 'llmKeyId'
  | 'ownKey'
  | 'generationParams'
  | 'brandAdherence'
  | 'maxCostUsd'
> & {
  /** When it was taken up, somebody watched the texts that are being written. */
  watched: boolean
}

/** An item in the hands of one worker: `attempt` is its fence. */
export type ClaimedItem = Pick<
  GenerationItem,
  'seq' | 'topic' | 'contentId' | 'attempt' | 'failures'
>

export interface JobDeps {
  database: Database
  tenantId: string
}
