import { builder } from '../../graphql/builder.ts'
import { type Job, jobStatuses, type JobStatus } from './job.ts'
import { UserNode } from './tenancy.graphql.ts'

export const JobStatusEnum = builder.enumType('JobStatus', {
  description:
    'COMPLETED_WITH_ERRORS: something was made, and something failed. CANCELLING: what is under way may still be stored.',
  values: Object.fromEntries(
    jobStatuses.map((status) => [status.toUpperCase(), { value: status }]),
  ) as Record<Uppercase<JobStatus>, { value: JobStatus }>,
})

export const JobInterface = builder.interfaceRef<Job>('Job').implement({
  description: 'Work that goes on after the mutation that asked for it has answered.',
  interfaces: [builder.nodeInterfaceRef()],
  fields: (t) => ({
    status: t.expose('status', { type: JobStatusEnum }),
    progress: t.exposeInt('progress', { description: 'Of `targetCount`, done so far.' }),
    targetCount: t.exposeInt('targetCount'),
    progressPercent: t.float({
      description: 'To one decimal.',
      resolve: ({ progress, targetCount }) => Math.round((progress / targetCount) * 1_000) / 10,
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime' }),
    startedAt: t.expose('startedAt', { type: 'DateTime', nullable: true }),
    completedAt: t.expose('completedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it was over, however it ended.',
    }),
    estimatedCompletionAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'By the speed so far; null when it is over or being cancelled.',
    }),
    errorMessage: t.exposeString('errorMessage', { nullable: true }),
    createdBy: t.field({
      type: UserNode,
      nullable: true,
      description: "Null for the gateway's own work, and for people who are gone.",
      resolve: ({ userId }) => userId,
    }),
  }),
})
