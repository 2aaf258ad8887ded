import { builder } from '../../graphql/builder.ts'
import { idOf } from '../../graphql/global-id.ts'
import {
  ConcurrencyLimitError,
  ForbiddenError,
  StorageUnavailableError,
  ValidationError,
} from '../../lib/errors.ts'
import { JobInterface } from '../tenancy/job.graphql.ts'
import { maxContentIds, restoreFromBackup } from './restore-from-backup.ts'
import { type RestoreJob, restoreTargets, type RestoreTarget } from './restore-job.entity.ts'
import { loadRestoreJobs } from './restore-job.loaders.ts'
import { reportOf } from './restore-report.ts'

const RestoreTargetEnum = builder.enumType('RestoreTarget', {
  description:
    'NEW_ZERODB_PROJECT: another project that the operator has set up. DRY_RUN: nothing is changed.',
  values: Object.fromEntries(
    restoreTargets.map((target) => [target.toUpperCase(), { value: target }]),
  ) as Record<Uppercase<RestoreTarget>, { value: RestoreTarget }>,
})

const RestoreJobNode = builder.loadableNodeRef('RestoreJob', {
  id: { resolve: (job: RestoreJob) => job.id },
  load: (ids: string[], context) => loadRestoreJobs(context, ids),
})

RestoreJobNode.implement({
  description:
    'Documents that are missing in ZeroDB, or damaged, are brought back from the recovery copy.',
  interfaces: [JobInterface],
  authScopes: { scope: 'BACKUP_READ' },
  fields: (t) => ({
    progressPercent: t.float({
      description: 'To one decimal.',
      resolve: ({ progress, targetCount, completedAt }) =>
        targetCount > 0 ? Math.round((progress / targetCount) * 1_000) / 10 : completedAt ? 100 : 0,
    }),
    estimatedCompletionAt: t.field({
      type: 'DateTime',
      nullable: true,
      resolve: (job) => estimatedCompletionAt(job, new Date()),
    }),
    asOf: t.expose('asOf', { type: 'DateTime' }),
    target: t.expose('target', { type: RestoreTargetEnum }),
    dryRun: t.boolean({ resolve: ({ target }) => target === 'dry_run' }),
    restored: t.exposeInt('restored', {
      description: 'Documents put back; of a dry run, those that would be.',
    }),
    skipped: t.exposeInt('skipped', { description: 'Documents that were there already, whole.' }),
    mismatched: t.exposeInt('mismatched', {
      description: 'Documents that are missing and not to be had from the copy either.',
    }),
    report: t.field({
      type: 'JSON',
      nullable: true,
      description: 'What came of it so far; null until something did.',
      resolve: (job) => (job.report ? { ...reportOf(job) } : null),
    }),
  }),
})

/** By the speed so far. */
function estimatedCompletionAt(
  { status, startedAt, progress, targetCount }: RestoreJob,
  now: Date,
): Date | null {
  if (status !== 'running' || !startedAt || progress === 0) return null
  const msPerVersion = (now.getTime() - startedAt.getTime()) / progress
  return new Date(now.getTime() + msPerVersion * Math.max(0, targetCount - progress))
}

const RestoreFromBackupInput = builder.inputType('RestoreFromBackupInput', {
  fields: (t) => ({
    asOf: t.field({
      type: 'DateTime',
      required: true,
      description: 'Versions written up to then.',
    }),
    brandId: t.id(),
    contentIds: t.idList({ description: `At most ${maxContentIds}; all unless given.` }),
    target: t.field({ type: RestoreTargetEnum, required: true, defaultValue: 'dry_run' }),
  }),
})

const RestoreSuccessObject = builder.objectRef<{ jobId: string }>('RestoreSuccess').implement({
  fields: (t) => ({
    job: t.field({ type: RestoreJobNode, resolve: ({ jobId }) => jobId }),
  }),
})

const RestoreResult = builder.errorUnion('RestoreResult', {
  types: [
    RestoreSuccessObject,
    ValidationError,
    ForbiddenError,
    ConcurrencyLimitError,
    StorageUnavailableError,
  ],
  resolveType: () => RestoreSuccessObject,
})

builder.mutationField('restoreFromBackup', (t) =>
  t.field({
    type: RestoreResult,
    description:
      'Brings back from the recovery copy what ZeroDB has lost. What was deleted stays deleted, usage does not change, and a repeat changes nothing.',
    authScopes: { scope: 'BACKUP_RESTORE' },
    args: { input: t.arg({ type: RestoreFromBackupInput, required: true }) },
    resolve: async (_root, { input }, context) => {
      const { asOf, brandId, contentIds, target } = input
      const jobId = await restoreFromBackup(context, {
        asOf,
        brandId: brandId == null ? null : idOf('Brand', brandId),
        contentIds: contentIds?.map((id) => idOf('Content', id)) ?? null,
        target,
      })
      return { jobId }
    },
  }),
)
