import { defineEntity, p } from '@mikro-orm/postgresql'
import type { GenerationErrorCode } from './generation-job.entity.ts'

export const itemStates = ['pending', 'running', 'stored', 'failed', 'skipped'] as const
export type ItemState = (typeof itemStates)[number]

export const GenerationItemSchema = defineEntity({
  name: 'GenerationItem',
  tableName: 'generation_items',
  properties: {
    tenantId: p.uuid().primary(),
    jobId: p.uuid().primary(),
    /** From zero. */
    seq: p.integer().primary(),
    state: p.text().$type<ItemState>(),
    topic: p.text(),
    /** Chosen beforehand: a repeated item makes the same content. */
    contentId: p.uuid(),
    /** How often a worker has taken it up: the fence of whoever holds the lease. */
    attempt: p.integer(),
    leaseExpiresAt: p.datetime(3),
    /** Its model has answered; now it is being stored. */
    drafted: p.boolean(),
    /** Answers that were no use. */
    failures: p.integer(),
    errorCode: p.text().$type<GenerationErrorCode>().nullable(),
    errorMessage: p.text().nullable(),
    /** In what it does not keep to its brand, though it was stored. */
    flags: p.array(),
    sizeBytes: p.bigint('number'),
    costUsd: p.decimal('string').precision(14).scale(6),
    tokensIn: p.bigint('number'),
    tokensOut: p.bigint('number'),
    /** What is written so far, while somebody watches. */
    partialText: p.text().nullable(),
    /** That of its job when it last changed state. */
    sequence: p.bigint('number'),
  },
})

/** One content of a generation job. */
export class GenerationItem extends GenerationItemSchema.class {}
GenerationItemSchema.setClass(GenerationItem)
