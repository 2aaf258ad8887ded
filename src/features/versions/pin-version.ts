import type { EntityManager } from '@mikro-orm/postgresql'
import {
  NotFoundError,
  StorageUnavailableError,
  UpstreamError,
  ValidationError,
} from '../../lib/errors.ts'
import type { Origin } from '../../lib/viewer.ts'
import type { Plan } from '../../platform/plan.ts'
import type { Database } from '../../platform/postgres/database.ts'
import { recordAudit } from '../tenancy/record-audit.ts'
import { loadVersions } from './content-version.loaders.ts'
import type { ContentReadDeps } from '../content/list-contents.ts'

export interface PinDeps extends ContentReadDeps {
  database: Database
  plan: Plan
  origin: Origin
}

export interface PinCall {
  /** As the client sent it, and the database id in it. */
  globalId: string
  id: string
  pinned: boolean
}

interface PinnedVersion {
  contentId: string
  /** Its number. */
  version: number
}

interface LockedVersion {
  contentId: string
  versionNumber: number
  pinned: boolean
  expired: boolean
  /** Of the same content. */
  pinnedSoFar: number
}

/** Or pins would keep what retention must let go of (F14). */
const maxPinnedVersions = 100

/** Keeps a version beyond its retention, or no longer; a repeat changes nothing. */
export async function pinVersion(deps: PinDeps, call: PinCall): Promise<PinnedVersion> {
  const { database, tenantId, plan } = deps
  const [visible] = await loadVersions(deps, [call.id])
  if (!visible) throw notFound(call)
  try {
    return await database.transaction(tenantId, (tx) => pinIn(tx, deps, call), plan)
  } catch (error) {
    if (!(error instanceof UpstreamError)) throw error
    throw new StorageUnavailableError(error, error.mayHaveApplied ? 'unknown' : 'unchanged')
  }
}

/** Under the version's lock, for which retention and restores wait too: one of them comes first. */
async function pinIn(
  tx: EntityManager,
  { tenantId, viewer: { userId }, origin }: PinDeps,
  call: PinCall,
): Promise<PinnedVersion> {
  const { id, pinned } = call
  const [version] = await tx.execute<LockedVersion[]>(
    `select content_id as "contentId", version_number as "versionNumber",
       pinned_at is not null as pinned, expired_at is not null as expired, (
         select count(*)::integer from content_versions p
         where p.tenant_id = v.tenant_id and p.content_id = v.content_id and p.pinned_at is not null
       ) as "pinnedSoFar"
     from content_versions v where v.tenant_id = ? and v.id = ? for update`,
    [tenantId, id],
  )
  if (!version) throw notFound(call)
  const { contentId, versionNumber } = version
  if (pinned && version.expired) throw expired(versionNumber)
  if (pinned === version.pinned) return { contentId, version: versionNumber }
  if (pinned && version.pinnedSoFar >= maxPinnedVersions) throw tooMany()
  await tx.execute(
    `update content_versions set pinned_at = case when ? then now() end
     where tenant_id = ? and id = ?`,
    [pinned, tenantId, id],
  )
  const event = {
    action: 'pinVersion',
    subject: { type: 'ContentVersion', id },
    before: { pinned: version.pinned },
    after: { pinned },
  }
  await recordAudit(tx, { tenantId, userId, origin }, [event])
  return { contentId, version: versionNumber }
}

function notFound({ globalId }: PinCall): NotFoundError {
  return new NotFoundError('Version', { id: globalId, path: ['versionId'] })
}

function tooMany(): ValidationError {
  const message = `${maxPinnedVersions} versions of this content are pinned already. Let go of one first.`
  return new ValidationError([{ path: ['versionId'], code: 'TOO_MANY', message }])
}

function expired(versionNumber: number): ValidationError {
  const message = `Version ${versionNumber} has expired, what it looked like is gone. Pin a later one.`
  return new ValidationError([{ path: ['versionId'], code: 'EXPIRED', message }])
}
