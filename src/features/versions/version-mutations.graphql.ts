import { builder } from '../../graphql/builder.ts'
import { idOf } from '../../graphql/global-id.ts'
import {
  ConflictError,
  ForbiddenError,
  NotFoundError,
  StorageUnavailableError,
  ValidationError,
} from '../../lib/errors.ts'
import { QuotaExceededError } from '../quota/quota.errors.ts'
import { ContentNode, loadWritten } from '../content/content.graphql.ts'
import { ContentVersionNode } from './content-version.graphql.ts'
import { loadVersionsByNumber } from './content-version.loaders.ts'
import { pinVersion } from './pin-version.ts'
import { restoreVersion } from './restore-version.ts'
import type { Written } from '../writing/write.ts'

const VersionSuccessObject = builder
  .objectRef<Pick<Written, 'contentId' | 'version'>>('VersionSuccess')
  .implement({
    description: 'The version that was made or changed, and its content as it is now.',
    fields: (t) => ({
      version: t.field({
        type: ContentVersionNode,
        resolve: async ({ contentId, version: number }, _args, context) => {
          const [version] = await loadVersionsByNumber(context, [{ contentId, number }])
          return version as NonNullable<typeof version>
        },
      }),
      content: t.field({
        type: ContentNode,
        resolve: ({ contentId }, _args, context) => loadWritten(context, contentId),
      }),
    }),
  })

const VersionResult = builder.errorUnion('VersionResult', {
  types: [
    VersionSuccessObject,
    ValidationError,
    NotFoundError,
    ForbiddenError,
    ConflictError,
    QuotaExceededError,
    StorageUnavailableError,
  ],
  resolveType: () => VersionSuccessObject,
})

builder.mutationField('pinVersion', (t) =>
  t.field({
    type: VersionResult,
    description:
      'A pinned version is kept whatever the plan says, and beside the 100 that a content keeps.',
    authScopes: { scope: 'VERSION_RESTORE' },
    args: {
      versionId: t.arg.id({ required: true }),
      pinned: t.arg.boolean({ required: true }),
    },
    resolve: (_root, { versionId, pinned }, context) =>
      pinVersion(context, { globalId: versionId, id: idOf('ContentVersion', versionId), pinned }),
  }),
)

builder.mutationField('restoreVersion', (t) =>
  t.field({
    type: VersionResult,
    description:
      'Makes an earlier state the newest version: title, body, type, labels and metadata. The status, its dates and the brand stay as they are.',
    authScopes: { scope: 'VERSION_RESTORE' },
    args: {
      contentId: t.arg.id({ required: true }),
      version: t.arg.int({ required: true }),
      expectedVersion: t.arg.int({
        description:
          'The version you have seen: if there is a later one by now, nothing is changed.',
      }),
      summary: t.arg.string(),
      idempotencyKey: t.arg.string(),
    },
    resolve: (_root, { contentId, version, ...args }, context) =>
      restoreVersion(context, {
        contentId: idOf('Content', contentId),
        version,
        expectedVersion: args.expectedVersion ?? null,
        summary: args.summary ?? null,
        idempotencyKey: args.idempotencyKey ?? null,
      }),
  }),
)
