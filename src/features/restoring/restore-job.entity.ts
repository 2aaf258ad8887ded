import { defineEntity, p } from '@mikro-orm/postgresql'
import type { JobStatus } from '../tenancy/job.ts'
import type { RestoreTally } from './restore-tally.ts'

/** Where documents go; a dry run counts them and changes nothing. */
export const restoreTargets = ['zerodb', 'new_zerodb_project', 'dry_run'] as const
export type RestoreTarget = (typeof restoreTargets)[number]

export const RestoreJobSchema = defineEntity({
  name: 'RestoreJob',
  tableName: 'restore_jobs',
  properties: {
    tenantId: p.uuid().primary(),
    id: p.uuid().primary(),
    /** Who asked for it. */
    userId: p.uuid().nullable(),
    /** Only versions written up to then. */
    asOf: p.datetime(3),
    brandId: p.uuid().nullable(),
    contentIds: p.array().$type<string[]>().columnType('uuid[]').nullable(),
    target: p.text().$type<RestoreTarget>(),
    status: p.text().$type<JobStatus>().default('pending'),
    /** Versions to be looked at; 0 until it has begun. */
    targetCount: p.integer().default(0),
    progress: p.integer().default(0),
    restored: p.integer().default(0),
    skipped: p.integer().default(0),
    mismatched: p.integer().default(0),
    restoredBytes: p.bigint('number').default(0),
    /** Up to here everything is done; versions are looked at in the order of their ids. */
    lastVersionId: p.uuid().nullable(),
    report: p.json<RestoreTally>().nullable(),
    errorMessage: p.text().nullable(),
    /** How often a worker has taken it up; the fence of whoever holds the lease. */
    attempts: p.integer().default(0),
    /** How often in a row a worker has neither settled a page nor given it back. */
    fruitless: p.integer().default(0),
    leaseExpiresAt: p.datetime(3).defaultRaw(`'-infinity'`),
    createdAt: p.datetime(3).defaultRaw('now()'),
    startedAt: p.datetime(3).nullable(),
    completedAt: p.datetime(3).nullable(),
  },
})

/** A way back from the recovery copy; the row is the truth about how far it has come. */
export class RestoreJob extends RestoreJobSchema.class {}
RestoreJobSchema.setClass(RestoreJob)
