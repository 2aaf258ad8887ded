import { builder } from '../../graphql/builder.ts'
import { asListItem, ErrorInterface } from '../../graphql/errors.ts'
import { listOf } from '../../graphql/list-size.ts'
import {
  ConflictError,
  type DomainError,
  ForbiddenError,
  NotFoundError,
  StorageUnavailableError,
  ValidationError,
} from '../../lib/errors.ts'
import { QuotaExceededError } from '../quota/quota.errors.ts'
import { addQuotaField } from '../quota/quota.graphql.ts'
import { ContentNode, loadFresh, loadWritten } from '../content/content.graphql.ts'
import { loadQueuedWrites } from '../content/content.loaders.ts'
import { isFailed, type WriteOutcome, type Written } from '../writing/write.ts'

builder.objectType(ConflictError, {
  name: 'ConflictError',
  description: 'Another write came first, or the external reference is taken. Nothing was changed.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    currentVersion: t.exposeInt('currentVersion'),
    current: t.field({
      type: ContentNode,
      nullable: true,
      description: 'The content as it is now, if it is within your reach.',
      resolve: ({ contentId }, _args, context) => contentId && loadFresh(context, contentId),
    }),
  }),
})

const queuedDescription =
  'Set while ZeroDB is away and the write waits in PostgreSQL for it; the content can be read meanwhile.'

const ContentSuccessObject = builder.objectRef<Written>('ContentSuccess').implement({
  fields: (t) => ({
    content: t.field({
      type: ContentNode,
      resolve: ({ contentId }, _args, context) => loadWritten(context, contentId),
    }),
    queuedWriteId: t.loadable({
      type: 'ID',
      nullable: true,
      description: queuedDescription,
      load: (versions: Written[], context) => loadQueuedWrites(context, versions),
      resolve: (written) => written,
    }),
  }),
})
addQuotaField(ContentSuccessObject)

const commonErrors = [
  ValidationError,
  ForbiddenError,
  ConflictError,
  QuotaExceededError,
  StorageUnavailableError,
]

export const CreateContentResult = builder.errorUnion('CreateContentResult', {
  types: [ContentSuccessObject, ...commonErrors],
  resolveType: () => ContentSuccessObject,
})

export const UpdateContentResult = builder.errorUnion('UpdateContentResult', {
  types: [ContentSuccessObject, ...commonErrors, NotFoundError],
  resolveType: () => ContentSuccessObject,
})

const BatchItemResultObject = builder
  .objectRef<{ index: number; outcome: WriteOutcome }>('BatchItemResult')
  .implement({
    fields: (t) => ({
      index: t.exposeInt('index'),
      content: t.field({
        type: ContentNode,
        nullable: true,
        resolve: ({ outcome }, _args, context) =>
          isFailed(outcome) ? null : loadWritten(context, outcome.contentId),
      }),
      queuedWriteId: t.loadable({
        type: 'ID',
        nullable: true,
        description: queuedDescription,
        load: (versions: Written[], context) => loadQueuedWrites(context, versions),
        resolve: ({ outcome }) => (isFailed(outcome) ? null : outcome),
      }),
      errors: t.field({
        type: [ErrorInterface],
        directives: listOf(1),
        resolve: ({ outcome }): DomainError[] =>
          isFailed(outcome) ? [asListItem(outcome.error)] : [],
      }),
    }),
  })

const ContentBatchSuccessObject = builder
  .objectRef<{ outcomes: readonly WriteOutcome[] }>('ContentBatchSuccess')
  .implement({
    fields: (t) => ({
      succeeded: t.int({
        resolve: ({ outcomes }) => outcomes.filter((outcome) => !isFailed(outcome)).length,
      }),
      failed: t.int({ resolve: ({ outcomes }) => outcomes.filter(isFailed).length }),
      results: t.field({
        type: [BatchItemResultObject],
        resolve: ({ outcomes }) => outcomes.map((outcome, index) => ({ index, outcome })),
      }),
    }),
  })
addQuotaField(ContentBatchSuccessObject)

export const ContentBatchResult = builder.errorUnion('ContentBatchResult', {
  types: [ContentBatchSuccessObject, ...commonErrors, NotFoundError],
  resolveType: () => ContentBatchSuccessObject,
})
