import { builder } from '../../graphql/builder.ts'
import { DeleteResult } from '../../graphql/delete-result.ts'
import { encodeGlobalId, idOf } from '../../graphql/global-id.ts'
import {
  ConflictError,
  ForbiddenError,
  NotFoundError,
  StorageUnavailableError,
  ValidationError,
} from '../../lib/errors.ts'
import { addQuotaField } from '../quota/quota.graphql.ts'
import {
  archiveContent,
  deleteContent,
  publishContent,
  scheduleContent,
  undeleteContent,
  unpublishContent,
} from './change-status.ts'
import { changeArguments, readChangeArguments } from './content-inputs.graphql.ts'
import { UpdateContentResult } from './content-results.graphql.ts'
import { loadTrashTimes, type TrashTimes } from '../content/content.loaders.ts'
import { purgeContent } from './purge-content.ts'

builder.mutationField('publishContent', (t) =>
  t.field({
    type: UpdateContentResult,
    authScopes: { scope: 'CONTENT_PUBLISH' },
    args: changeArguments,
    resolve: (_root, args, context) => publishContent(context, readChangeArguments(args)),
  }),
)

builder.mutationField('scheduleContent', (t) =>
  t.field({
    type: UpdateContentResult,
    description: 'Published at `at`, and unpublished at `unpublishAt`, to within seconds.',
    authScopes: { scope: 'CONTENT_PUBLISH' },
    args: {
      ...changeArguments,
      at: t.arg({ type: 'DateTime', required: true }),
      unpublishAt: t.arg({ type: 'DateTime' }),
    },
    resolve: (_root, { at, unpublishAt = null, ...args }, context) =>
      scheduleContent(context, { ...readChangeArguments(args), at, unpublishAt }),
  }),
)

builder.mutationField('unpublishContent', (t) =>
  t.field({
    type: UpdateContentResult,
    description: 'Back to DRAFT; also what is only scheduled.',
    authScopes: { scope: 'CONTENT_PUBLISH' },
    args: changeArguments,
    resolve: (_root, args, context) => unpublishContent(context, readChangeArguments(args)),
  }),
)

builder.mutationField('archiveContent', (t) =>
  t.field({
    type: UpdateContentResult,
    authScopes: { scope: 'CONTENT_PUBLISH' },
    args: changeArguments,
    resolve: (_root, args, context) => archiveContent(context, readChangeArguments(args)),
  }),
)

const DeleteContentSuccessObject = builder.objectRef<TrashTimes>('DeleteContentSuccess').implement({
  fields: (t) => ({
    id: t.id({ resolve: ({ id }) => encodeGlobalId('Content', id) }),
    deletedAt: t.expose('deletedAt', { type: 'DateTime' }),
    recoverableUntil: t.expose('recoverableUntil', {
      type: 'DateTime',
      nullable: true,
      description: 'Until then undeleteContent brings it back; null: without a limit.',
    }),
  }),
})
addQuotaField(DeleteContentSuccessObject)

const DeleteContentResult = builder.errorUnion('DeleteContentResult', {
  types: [
    DeleteContentSuccessObject,
    ValidationError,
    NotFoundError,
    ForbiddenError,
    ConflictError,
    StorageUnavailableError,
  ],
  resolveType: () => DeleteContentSuccessObject,
})

builder.mutationField('deleteContent', (t) =>
  t.field({
    type: DeleteContentResult,
    description:
      'Into the trash: out of every list, and its bytes given back to the quota at once.',
    authScopes: { scope: 'CONTENT_DELETE' },
    args: changeArguments,
    resolve: async (_root, args, context) => {
      const { contentId } = await deleteContent(context, readChangeArguments(args))
      const [times] = await loadTrashTimes(context, [contentId])
      if (!times) throw new NotFoundError('Content')
      return times
    },
  }),
)

builder.mutationField('undeleteContent', (t) =>
  t.field({
    type: UpdateContentResult,
    description: 'Out of the trash; its bytes count again, so there must be room for them.',
    authScopes: { scope: 'CONTENT_DELETE' },
    args: {
      id: t.arg.id({ required: true }),
      idempotencyKey: t.arg.string(),
    },
    resolve: (_root, { id, idempotencyKey = null }, context) =>
      undeleteContent(context, {
        ref: { id: idOf('Content', id) },
        expectedVersion: null,
        onUnavailable: 'FAIL',
        idempotencyKey,
      }),
  }),
)

builder.mutationField('purgeContent', (t) =>
  t.field({
    type: DeleteResult,
    description:
      'Removes the content, its history and its documents for ever; a tombstone with the reason stays. While ZeroDB is away the documents go as soon as it is back.',
    authScopes: { scope: 'CONTENT_PURGE' },
    args: { id: t.arg.id({ required: true }), reason: t.arg.string({ required: true }) },
    resolve: async (_root, { id, reason }, context) => {
      await purgeContent(context, idOf('Content', id), reason)
      return { ids: [id] }
    },
  }),
)
