import { builder } from '../../graphql/builder.ts'
import type { Context } from '../../graphql/context.ts'
import { ErrorInterface } from '../../graphql/errors.ts'
import { idOf } from '../../graphql/global-id.ts'
import {
  ConcurrencyLimitError,
  ForbiddenError,
  NotFoundError,
  StorageUnavailableError,
  ValidationError,
} from '../../lib/errors.ts'
import { QuotaExceededError } from '../quota/quota.errors.ts'
import { JobStatusEnum } from '../tenancy/job.graphql.ts'
import { cancelGenerationJob } from './cancel-generation-job.ts'
import { generateContentBatch } from './generate-content-batch.ts'
import { GenerationLimitError, JobNotCancellableError } from './generation.errors.ts'
import { GenerateContentBatchInput, readGenerationInput } from './generation-inputs.graphql.ts'
import type { GenerationJob } from '../generation/generation-job.entity.ts'
import { GenerationJobNode, messageOf } from '../generation/generation-job.graphql.ts'
import { loadGenerationJobs } from '../generation/generation-job.loaders.ts'
import { retryGenerationJob } from './retry-generation-job.ts'

builder.objectType(GenerationLimitError, {
  name: 'GenerationLimitError',
  description: 'The plan allows no so many items in this calendar month. Nothing was changed.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    monthlyLimit: t.exposeInt('monthlyLimit'),
    usedThisMonth: t.exposeInt('usedThisMonth'),
    resetsAt: t.expose('resetsAt', { type: 'DateTime' }),
  }),
})

builder.objectType(JobNotCancellableError, {
  name: 'JobNotCancellableError',
  description: 'The job has ended by itself. Nothing was changed.',
  interfaces: [ErrorInterface],
  fields: (t) => ({ status: t.expose('status', { type: JobStatusEnum }) }),
})

const GenerationJobSuccessObject = builder
  .objectRef<{ job: GenerationJob }>('GenerationJobSuccess')
  .implement({
    fields: (t) => ({
      job: t.expose('job', { type: GenerationJobNode }),
      message: t.string({ resolve: ({ job }) => messageOf(job) }),
    }),
  })

/** The job as it is now, whatever this operation has read of it before. */
async function succeed(context: Context, id: string): Promise<{ job: GenerationJob }> {
  const [job] = await loadGenerationJobs(context, [id])
  if (!job) throw new NotFoundError('Generation job')
  GenerationJobNode.getDataloader(context).clear(id).prime(id, job)
  return { job }
}

const GenerateContentBatchResult = builder.errorUnion('GenerateContentBatchResult', {
  types: [
    GenerationJobSuccessObject,
    ValidationError,
    NotFoundError,
    ForbiddenError,
    QuotaExceededError,
    GenerationLimitError,
    ConcurrencyLimitError,
    StorageUnavailableError,
  ],
  resolveType: () => GenerationJobSuccessObject,
})

const CancelGenerationJobResult = builder.errorUnion('CancelGenerationJobResult', {
  types: [
    GenerationJobSuccessObject,
    NotFoundError,
    ForbiddenError,
    JobNotCancellableError,
    StorageUnavailableError,
  ],
  resolveType: () => GenerationJobSuccessObject,
})

builder.mutationField('generateContentBatch', (t) =>
  t.field({
    type: GenerateContentBatchResult,
    description: 'Begins a job that generates contents as drafts; answers before any is made.',
    authScopes: { scope: 'GENERATE' },
    args: { input: t.arg({ type: GenerateContentBatchInput, required: true }) },
    resolve: async (_root, { input }, context) =>
      succeed(context, await generateContentBatch(context, readGenerationInput(input))),
  }),
)

builder.mutationField('cancelGenerationJob', (t) =>
  t.field({
    type: CancelGenerationJobResult,
    description: 'Ends the job and keeps what was made; a repeat changes nothing.',
    authScopes: { scope: 'GENERATE' },
    args: { id: t.arg.id({ required: true }) },
    resolve: async (_root, { id: globalId }, context) => {
      const id = idOf('GenerationJob', globalId)
      await cancelGenerationJob(context, { id, globalId })
      return succeed(context, id)
    },
  }),
)

builder.mutationField('retryGenerationJob', (t) =>
  t.field({
    type: GenerateContentBatchResult,
    description: 'Opens a job that is over again, for the items of which nothing came.',
    authScopes: { scope: 'GENERATE' },
    args: {
      id: t.arg.id({ required: true }),
      failedOnly: t.arg.boolean({
        required: true,
        defaultValue: true,
        description: 'If false, begins another job from the same input.',
      }),
    },
    resolve: async (_root, { id: globalId, failedOnly }, context) => {
      const ref = { id: idOf('GenerationJob', globalId), globalId }
      return succeed(context, await retryGenerationJob(context, ref, failedOnly))
    },
  }),
)
