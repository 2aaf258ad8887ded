import { setTimeout as delay } from 'node:timers/promises'
import { DomainError } from '../../lib/errors.ts'
import { newAccess } from '../../lib/access.ts'
import type { Viewer } from '../../lib/viewer.ts'
import type { DocumentStore } from '../../platform/document-store.ts'
import type { Log } from '../../platform/log.ts'
import type { Models } from '../../platform/models.ts'
import { newPlan } from '../../platform/plan.ts'
import type { Database } from '../../platform/postgres/database.ts'
import type { Vault } from '../../platform/vault.ts'
import type { ZeroDb } from '../../platform/zerodb.ts'
import type { StopReason } from '../generation/stop-job.ts'
import { type OpenLlmKey, openLlmKey } from '../llm-keys/open-llm-key.ts'
import { rejectLlmKey } from '../llm-keys/reject-llm-key.ts'
import { claimJob } from './claim-job.ts'
import type { BrandGuidelines } from './draft-prompt.ts'
import { giveUpJob } from './give-up-job.ts'
import type { ClaimedJob } from './job-run.ts'
import { JobRunner, type RunnerDeps } from './job-runner.ts'
import { keyDeleted } from './refused-key.ts'
import { releaseJob } from './release-job.ts'

/** What a worker brings along. */
export interface GenerationDeps {
  database: Database
  documents: DocumentStore
  zerodb: ZeroDb
  models: Models
  vault: Vault
  log: Log
  signal: AbortSignal
}

/**
 * Takes up a job and works on it until nothing is left to do; nothing happens when it is over, in
 * another worker's hands, or not this tenant's. Running it twice, or dying in it, makes no item twice.
 */
export async function runGenerationJob(
  services: GenerationDeps,
  { tenantId, jobId }: { tenantId: string; jobId: string },
): Promise<void> {
  const job = await claimJob({ ...services, tenantId }, jobId)
  if (!job) return
  const deps = runnerDeps(services, tenantId, job)
  const key = await openKey(services, tenantId, job)
  if (key && 'code' in key) return giveUp(deps, job, key)
  const brand = await findGuidelines(deps, job)
  const reason = await new JobRunner(deps, job, { brand, apiKey: key?.secret ?? null }).run()
  if (reason?.code === 'KEY_REJECTED' && key) await rejectLlmKey(deps, key)
}

function runnerDeps(services: GenerationDeps, tenantId: string, job: ClaimedJob): RunnerDeps {
  const { database, documents, zerodb, models, log, signal } = services
  const userId = job.userId ?? null
  const viewer: Viewer = {
    tenantId,
    userId,
    scopes: new Set(),
    brandIds: null,
    apiKey: null,
    readMode: 'auto',
  }
  const origin = { requestId: `job:${job.id}`, ip: null, apiKeyId: null }
  const reads = database.reads.forTenant(tenantId)
  const plan = newPlan()
  const stores = { database, documents, zerodb, models, log, signal }
  return { ...stores, tenantId, viewer, access: newAccess(), origin, reads, plan }
}

/** The key service is asked so often before the job is given up. */
const maxOpenings = 3
const openAgainMs = 1_000

/** Null for the platform's key; why it cannot be had otherwise. */
async function openKey(
  { database, vault }: GenerationDeps,
  tenantId: string,
  { ownKey, llmKeyId }: ClaimedJob,
): Promise<OpenLlmKey | StopReason | null> {
  if (!ownKey) return null
  if (llmKeyId == null) return keyDeleted
  for (let opening = 1; ; opening++) {
    try {
      return await openLlmKey({ database, vault, tenantId }, llmKeyId)
    } catch (error) {
      if (!(error instanceof DomainError)) throw error
      if (error.code === 'NOT_FOUND') return keyDeleted
      if (opening === maxOpenings) {
        return { code: 'KEY_SERVICE_UNAVAILABLE', message: error.message }
      }
      await delay(openAgainMs * opening)
    }
  }
}

/** Ends a job that cannot begin, unless another worker has taken it up while the key was waited for. */
async function giveUp(deps: RunnerDeps, job: ClaimedJob, reason: StopReason): Promise<void> {
  await giveUpJob(deps, job, reason)
  await releaseJob(deps, job, [])
}

async function findGuidelines(
  { reads, tenantId }: RunnerDeps,
  { brandId }: ClaimedJob,
): Promise<BrandGuidelines | null> {
  if (brandId == null) return null
  const [brand] = await reads.rows<BrandGuidelines>(
    `select name, voice, forbidden_words as "forbiddenWords" from brands
     where tenant_id = $1 and id = $2`,
    [tenantId, brandId],
  )
  return brand ?? null
}
