import { builder } from '../../graphql/builder.ts'
import { connectionOf, type Page } from '../../graphql/connection.ts'
import { idOf } from '../../graphql/global-id.ts'
import { forwardPages } from '../../graphql/list-size.ts'
import { readPageArguments } from '../../graphql/page-arguments.ts'
import { checkedCap, countArguments, CountObject } from '../content/contents-connection.graphql.ts'
import { JobStatusEnum } from '../tenancy/job.graphql.ts'
import type { GenerationJob } from './generation-job.entity.ts'
import { GenerationJobNode } from './generation-job.graphql.ts'
import {
  countGenerationJobs,
  type JobFilter,
  jobCursorOf,
  listGenerationJobs,
} from './list-generation-jobs.ts'

builder.queryField('generationJob', (t) =>
  t.field({
    type: GenerationJobNode,
    nullable: true,
    authScopes: { scope: 'CONTENT_READ_DRAFT' },
    directives: { tag: { name: 'studio' } },
    args: { id: t.arg.id({ required: true }) },
    resolve: (_root, { id }) => idOf('GenerationJob', id),
  }),
)

/** A page of jobs, and what it was filtered by: counting happens only when asked for. */
interface JobsPage extends Page<GenerationJob> {
  filter: JobFilter
}

const GenerationJobConnection = connectionOf<GenerationJob, JobsPage>(
  'GenerationJob',
  GenerationJobNode,
)

builder.objectField(GenerationJobConnection, 'totalCount', (t) =>
  t.field({
    type: CountObject,
    args: countArguments,
    resolve: ({ filter }, { mode, cap }, context) =>
      countGenerationJobs(context, filter, mode, checkedCap(cap)),
  }),
)

builder.queryField('generationJobs', (t) =>
  t.field({
    type: GenerationJobConnection,
    description: 'Newest first; 1 to 100 a page, 20 unless `first` says otherwise.',
    authScopes: { scope: 'CONTENT_READ_DRAFT' },
    directives: { tag: { name: 'studio' }, ...forwardPages(20) },
    args: {
      status: t.arg({ type: [JobStatusEnum] }),
      brandId: t.arg.id(),
      first: t.arg.int(),
      after: t.arg.string(),
    },
    resolve: async (_root, { status, brandId, ...paging }, context) => {
      const request = readPageArguments(paging, 20)
      const { limit, cursor } = request
      const filter = {
        status: status ?? undefined,
        brandId: brandId == null ? undefined : idOf('Brand', brandId),
      }
      const found = await listGenerationJobs(context, { limit, cursor, ...filter })
      const nodes = found.slice(0, limit)
      return { request, nodes, hasMore: found.length > limit, cursorOf: jobCursorOf, filter }
    },
  }),
)
