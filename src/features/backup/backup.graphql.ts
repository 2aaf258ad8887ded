import { builder } from '../../graphql/builder.ts'
import { asStorageUnavailable } from '../../lib/errors.ts'
import { OpsResult, type OpsSuccess, OpsSuccessObject } from '../tenancy/ops-result.graphql.ts'
import { type BackupStatus, findBackupStatus, rpoSeconds, rtoSeconds } from './backup-status.ts'
import { runBackupSync } from './run-backup-sync.ts'

export const BackupStatusObject = builder.objectRef<BackupStatus>('BackupStatus').implement({
  description: 'How the recovery copy of your contents in BigQuery stands.',
  fields: (t) => ({
    enabled: t.exposeBoolean('enabled', {
      description: 'False where there is no BigQuery, or copying is switched off.',
    }),
    unsyncedCount: t.exposeInt('unsyncedCount', {
      description: 'Versions and purges that are not in the copy yet.',
    }),
    refusedCount: t.exposeInt('refusedCount', {
      description: 'Of these, the ones that were given up; runBackupSync tries them again.',
    }),
    oldestUnsyncedAt: t.expose('oldestUnsyncedAt', { type: 'DateTime', nullable: true }),
    lagSeconds: t.exposeInt('lagSeconds', {
      description: 'How long the oldest has waited; changes leave together, every two minutes.',
    }),
    percentSynced: t.exposeFloat('percentSynced'),
    lastRunAt: t.expose('lastRunAt', { type: 'DateTime', nullable: true }),
    lastSuccessAt: t.expose('lastSuccessAt', { type: 'DateTime', nullable: true }),
    failingSince: t.expose('failingSince', {
      type: 'DateTime',
      nullable: true,
      description: 'Since when nothing gets through; null while all is well.',
    }),
    lastError: t.exposeString('lastError', { nullable: true }),
    intervalMinutes: t.exposeInt('intervalMinutes'),
    batchSize: t.exposeInt('batchSize'),
    rpoSeconds: t.int({
      description: 'How much may be lost when ZeroDB is lost, by the time it was written in.',
      resolve: () => rpoSeconds,
    }),
    rtoSeconds: t.int({
      description: 'How long bringing it back may take.',
      resolve: () => rtoSeconds,
    }),
    rpoMet: t.boolean({
      resolve: ({ enabled, lagSeconds }) => enabled && lagSeconds <= rpoSeconds,
    }),
  }),
})

builder.queryField('backupStatus', (t) =>
  t.field({
    type: BackupStatusObject,
    authScopes: { scope: 'BACKUP_READ' },
    resolve: (_root, _args, context) => findBackupStatus(context),
  }),
)

interface SyncAsked extends OpsSuccess {
  backup: BackupStatus
}

builder.objectField(OpsSuccessObject, 'backup', (t) =>
  t.field({
    type: BackupStatusObject,
    nullable: true,
    resolve: (done) => (done as Partial<SyncAsked>).backup,
  }),
)

builder.mutationField('runBackupSync', (t) =>
  t.field({
    type: OpsResult,
    description:
      'Asks for the next batch to leave early, a minute after the last one at best, and tries again what was given up.',
    authScopes: { scope: 'OPS_WRITE' },
    resolve: async (_root, _args, context) => {
      const triedAgain = await runBackupSync(context, context.tenantId).catch(asStorageUnavailable)
      const backup = await findBackupStatus(context)
      return { message: describe(backup, triedAgain), backup } satisfies SyncAsked
    },
  }),
)

function describe({ enabled, unsyncedCount }: BackupStatus, triedAgain: number): string {
  if (!enabled) return 'There is no recovery copy: BigQuery is not configured, or switched off.'
  if (unsyncedCount === 0) return 'The copy is up to date.'
  const again = triedAgain > 0 ? `, ${triedAgain} of them again` : ''
  return `${unsyncedCount} changes leave for the copy with the next batch${again}.`
}
