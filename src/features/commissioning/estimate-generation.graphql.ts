import { badUserInput } from '../../graphql/bad-user-input.ts'
import { builder } from '../../graphql/builder.ts'
import { ValidationError } from '../../lib/errors.ts'
import { QuotaProjectionObject } from '../quota/quota.graphql.ts'
import { estimateGeneration, type GenerationEstimate } from './estimate-generation.ts'
import { GenerateContentBatchInput, readGenerationInput } from './generation-inputs.graphql.ts'

const GenerationEstimateObject = builder
  .objectRef<GenerationEstimate>('GenerationEstimate')
  .implement({
    description:
      'What a job would come to, from your own of the last 30 days or such ones in general.',
    fields: (t) => ({
      estimatedStorageBytes: t.expose('storageBytes', { type: 'BigInt' }),
      estimatedCostUsd: t.expose('costUsd', {
        type: 'Decimal',
        description: '0 for a model without a known price.',
      }),
      estimatedDurationSeconds: t.exposeInt('durationSeconds'),
      quotaCheck: t.expose('quotaCheck', { type: QuotaProjectionObject }),
      monthlyRemaining: t.exposeInt('monthlyRemaining', {
        nullable: true,
        description: 'Items of this month in UTC; null for unlimited.',
      }),
      concurrentSlotsFree: t.exposeInt('concurrentSlotsFree', {
        description: 'Jobs that may be begun now.',
      }),
    }),
  })

builder.queryField('estimateGeneration', (t) =>
  t.field({
    type: GenerationEstimateObject,
    nullable: true,
    directives: { semanticNonNull: {} },
    description:
      'Checks the input as generateContentBatch does, and changes nothing; `extensions.issues` of an error say all that is wrong with it.',
    authScopes: { scope: 'GENERATE' },
    args: { input: t.arg({ type: GenerateContentBatchInput, required: true }) },
    resolve: (_root, { input }, context) =>
      estimateGeneration(context, readGenerationInput(input)).catch(asBadUserInput),
  }),
)

/** A query has no union to say it in. */
function asBadUserInput(error: unknown): never {
  if (!(error instanceof ValidationError)) throw error
  throw badUserInput(error.message, { issues: error.issues })
}
