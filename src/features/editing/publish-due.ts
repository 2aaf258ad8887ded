import { UpstreamError } from '../../lib/errors.ts'
import { newAccess } from '../../lib/access.ts'
import { scopes, type Viewer } from '../../lib/viewer.ts'
import type { DocumentStore } from '../../platform/document-store.ts'
import type { Log } from '../../platform/log.ts'
import { newPlan } from '../../platform/plan.ts'
import type { Database } from '../../platform/postgres/database.ts'
import type { ZeroDb } from '../../platform/zerodb.ts'
import { changeContents, type ChangeRequest } from './change-contents.ts'
import { publication, withdrawal } from './change-status.ts'
import { hashInput } from '../writing/plan-write.ts'
import { isFailed, type WriteDeps } from '../writing/write.ts'

export interface PublishDeps {
  database: Database
  zerodb: ZeroDb
  documents: DocumentStore
  signal: AbortSignal
  log: Log
}

/** Per tenant and pass; what is left over is found by the next pass, a moment later. */
const batchSize = 50

const dueSql = `
  (status = 'scheduled' and scheduled_at <= now()
    or status = 'published' and unpublish_at <= now()) and deleted_at is null`

/**
 * Publishes what is scheduled, and unpublishes what has had its time. Exactly once, by however many
 * workers: a content moves from one version to the next for one of them only. While ZeroDB is away
 * the history entries wait in the queue, and publication is on time all the same.
 */
export async function publishDue(deps: PublishDeps): Promise<void> {
  const tenants = await deps.database.reads
    .asSystem()
    .rows<{ tenantId: string }>(
      `select distinct tenant_id as "tenantId" from content_items where ${dueSql}`,
      [],
    )
  for (const { tenantId } of tenants) {
    deps.signal.throwIfAborted()
    await publishDueOf(deps, tenantId).catch((error: unknown) => {
      // One tenant's trouble is not the others'; a store that is away is everybody's.
      if (error instanceof UpstreamError) throw error
      deps.log.error({ err: error, tenantId }, 'could not publish what is due')
    })
  }
}

interface Due {
  id: string
  version: number
  isStart: boolean
}

async function publishDueOf(deps: PublishDeps, tenantId: string): Promise<void> {
  const reads = deps.database.reads.forTenant(tenantId, undefined, deps.signal)
  const due = await reads.rows<Due>(
    `select id, version, status = 'scheduled' as "isStart" from content_items
     where tenant_id = $1 and ${dueSql} order by id limit $2`,
    [tenantId, batchSize],
  )
  const viewer: Viewer = {
    tenantId,
    userId: null,
    scopes: new Set(scopes),
    brandIds: null,
    apiKey: null,
    readMode: 'auto',
  }
  const origin = { requestId: 'task:publishDue', ip: null, apiKeyId: null }
  const access = newAccess()
  const write: WriteDeps = { ...deps, tenantId, reads, viewer, access, origin, plan: newPlan() }
  const outcomes = await changeContents(write, due.map(requestOf), 'REJECT_FAILED')
  for (const [index, outcome] of outcomes.entries()) {
    // Who lost to another writer is looked at again by the next pass.
    if (!isFailed(outcome) || outcome.error.code === 'CONFLICT') continue
    deps.log.error({ err: outcome.error, tenantId, contentId: due[index]?.id }, 'not published')
  }
}

function requestOf({ id, version, isStart }: Due): ChangeRequest {
  return {
    ref: { id },
    call: {
      operation: isStart ? 'publishScheduled' : 'unpublishScheduled',
      idempotencyKey: null,
      inputHash: hashInput(id, version),
      path: [],
      expectedVersion: version,
      onUnavailable: 'QUEUE',
    },
    change: () =>
      isStart ? publication('Published as scheduled.') : withdrawal('Unpublished as scheduled.'),
  }
}
