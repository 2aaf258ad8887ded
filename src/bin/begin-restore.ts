import { restoreFromBackup } from '../features/restoring/restore-from-backup.ts'
import type { RestoreJob, RestoreTarget } from '../features/restoring/restore-job.entity.ts'
import { findUnfinishedRestore } from '../features/restoring/restore-job.loaders.ts'
import { StartupError } from '../lib/errors.ts'
import { isUuid } from '../lib/id.ts'
import type { Services } from '../platform/services.ts'

export interface RestoreFlags {
  tenant: string
  asOf?: Date
  brand?: string
  content?: string[]
  target: 'zerodb' | 'new-zerodb-project'
  dryRun?: true
  report?: string
}

/**
 * Answers the id of a new restore, or of an unfinished one that is the same. Throws StartupError and
 * the DomainErrors of `restoreFromBackup`.
 */
export async function beginOrJoin(services: Services, flags: RestoreFlags): Promise<string> {
  const { tenant: tenantId, brand = null, content = null } = flags
  const strays = [brand ?? [], content ?? []].flat().filter((id) => !isUuid(id))
  if (strays.length > 0) throw new StartupError([`Not an id: ${strays.join(', ')}.`], 2)
  if (flags.dryRun && flags.target !== 'zerodb') {
    throw new StartupError(
      ['A dry run looks at the project in use: leave out --target or --dry-run.'],
      2,
    )
  }
  const target: RestoreTarget = flags.dryRun
    ? 'dry_run'
    : flags.target === 'zerodb'
      ? 'zerodb'
      : 'new_zerodb_project'
  const reads = services.database.reads.forTenant(tenantId)
  const unfinished = await findUnfinishedRestore({ reads, tenantId })
  if (unfinished) {
    if (isSame(unfinished, flags, target)) return unfinished.id
    throw new StartupError(
      [
        `Another restore of this tenant is not over: as of ${unfinished.asOf.toISOString()}, target ${unfinished.target}.`,
        'Wait until a worker has ended it, or end it by running it again with the same options.',
      ],
      2,
    )
  }
  return restoreFromBackup(
    {
      ...services,
      tenantId,
      viewer: { userId: null },
      origin: { requestId: 'restore', ip: null, apiKeyId: null },
    },
    { asOf: flags.asOf ?? new Date(), brandId: brand, contentIds: content, target },
  )
}

function isSame(
  job: RestoreJob,
  { asOf, brand, content }: RestoreFlags,
  target: RestoreTarget,
): boolean {
  const ids = (list: readonly string[] | null | undefined) => [...new Set(list)].toSorted().join()
  return (
    job.target === target &&
    (job.brandId ?? undefined) === brand &&
    ids(job.contentIds) === ids(content) &&
    (asOf === undefined || asOf.getTime() === job.asOf.getTime())
  )
}
