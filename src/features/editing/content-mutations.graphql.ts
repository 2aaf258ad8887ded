import { badUserInput } from '../../graphql/bad-user-input.ts'
import { builder } from '../../graphql/builder.ts'
import { batchOf, itemsWeigh } from '../../graphql/list-size.ts'
import { ContentNode } from '../content/content.graphql.ts'
import {
  ContentRefInput,
  CreateContentInput,
  readInput,
  readRef,
  readUpdate,
  UpdateContentInput,
} from './content-inputs.graphql.ts'
import {
  ContentBatchResult,
  CreateContentResult,
  UpdateContentResult,
} from './content-results.graphql.ts'
import { createContent, createContents } from './create-contents.ts'
import { findContent } from '../content/content-ref.loaders.ts'
import { updateContent, updateContents } from './update-contents.ts'
import { upsertContent } from './upsert-content.ts'

builder.queryField('content', (t) =>
  t.field({
    type: ContentNode,
    nullable: true,
    authScopes: { scope: 'CONTENT_READ' },
    args: {
      ref: t.arg({ type: ContentRefInput, required: true }),
      includeDeleted: t.arg.boolean({
        required: true,
        defaultValue: false,
        description: 'Also from the trash, by its id.',
      }),
    },
    resolve: (_root, { ref, includeDeleted }, context) =>
      findContent(context, readRef(ref), includeDeleted),
  }),
)

builder.mutationField('createContent', (t) =>
  t.field({
    type: CreateContentResult,
    authScopes: { scope: 'CONTENT_WRITE' },
    args: { input: t.arg({ type: CreateContentInput, required: true }) },
    resolve: (_root, { input }, context) => createContent(context, readInput(input)),
  }),
)

builder.mutationField('updateContent', (t) =>
  t.field({
    type: UpdateContentResult,
    description: 'Changes what the input names; a change of metadata alone stores no body.',
    authScopes: { scope: 'CONTENT_WRITE' },
    args: { input: t.arg({ type: UpdateContentInput, required: true }) },
    resolve: (_root, { input }, context) => updateContent(context, readUpdate(input)),
  }),
)

builder.mutationField('upsertContent', (t) =>
  t.field({
    type: UpdateContentResult,
    description: 'Creates the content, or adds a version if anything differs from the current one.',
    authScopes: { scope: 'CONTENT_WRITE' },
    args: {
      ref: t.arg({ type: ContentRefInput, required: true }),
      input: t.arg({ type: CreateContentInput, required: true }),
    },
    resolve: (_root, { ref, input }, context) =>
      upsertContent(context, readRef(ref), readInput(input)),
  }),
)

const BatchErrorPolicyEnum = builder.enumType('BatchErrorPolicy', {
  description: 'REJECT_ALL: one bad item and nothing is changed. REJECT_FAILED: the good ones are.',
  values: ['REJECT_ALL', 'REJECT_FAILED'] as const,
})

/** One transaction and its locks cover a whole batch, so batches stay small. */
const maxBatchSize = 100

function readBatch<Input, Read>(inputs: readonly Input[], read: (input: Input) => Read): Read[] {
  if (inputs.length > maxBatchSize) {
    throw badUserInput(
      `inputs takes at most ${maxBatchSize} contents; send the rest in another call.`,
    )
  }
  return inputs.map(read)
}

builder.mutationField('createContents', (t) =>
  t.field({
    type: ContentBatchResult,
    directives: batchOf('inputs', 'results'),
    authScopes: { scope: 'CONTENT_WRITE' },
    args: {
      inputs: t.arg({ type: [CreateContentInput], required: true, directives: itemsWeigh(5) }),
      errorPolicy: t.arg({
        type: BatchErrorPolicyEnum,
        required: true,
        defaultValue: 'REJECT_ALL',
      }),
    },
    resolve: async (_root, { inputs, errorPolicy }, context) => ({
      outcomes: await createContents(context, readBatch(inputs, readInput), errorPolicy),
    }),
  }),
)

builder.mutationField('updateContents', (t) =>
  t.field({
    type: ContentBatchResult,
    directives: batchOf('inputs', 'results'),
    authScopes: { scope: 'CONTENT_WRITE' },
    args: {
      inputs: t.arg({ type: [UpdateContentInput], required: true, directives: itemsWeigh(5) }),
      errorPolicy: t.arg({
        type: BatchErrorPolicyEnum,
        required: true,
        defaultValue: 'REJECT_ALL',
      }),
    },
    resolve: async (_root, { inputs, errorPolicy }, context) => ({
      outcomes: await updateContents(context, readBatch(inputs, readUpdate), errorPolicy),
    }),
  }),
)
