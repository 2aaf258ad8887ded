import { builder } from '../../graphql/builder.ts'
import { ContentNode } from '../content/content.graphql.ts'
import type { ContentGeneration } from './content-generation.entity.ts'
import { GenerationJobNode } from './generation-job.graphql.ts'
import { LlmProviderEnum } from '../llm-keys/llm-keys.graphql.ts'
import { loadContentGenerations } from './generation-job.loaders.ts'

const GenerationMetadataObject = builder
  .objectRef<ContentGeneration>('GenerationMetadata')
  .implement({
    description: 'How a content was generated.',
    fields: (t) => ({
      provider: t.expose('provider', { type: LlmProviderEnum }),
      model: t.exposeString('model'),
      prompt: t.exposeString('prompt'),
      generationId: t.exposeString('generationId', {
        nullable: true,
        description: "The provider's own id of the answer.",
      }),
      temperature: t.exposeFloat('temperature', { nullable: true }),
      maxTokens: t.exposeInt('maxTokens', { nullable: true }),
      costUsd: t.expose('costUsd', { type: 'Decimal', nullable: true }),
      ownKey: t.exposeBoolean('ownKey', { description: "With the tenant's own key to the model." }),
      flags: t.exposeStringList('flags', {
        description: 'In what it did not keep to its brand.',
      }),
      job: t.field({
        type: GenerationJobNode,
        nullable: true,
        description: 'Null once the job has been cleaned up.',
        resolve: ({ jobId }) => jobId,
      }),
    }),
  })

builder.objectField(ContentNode, 'generation', (t) =>
  t.loadable({
    type: GenerationMetadataObject,
    nullable: true,
    description: 'Null for a content that people wrote.',
    // A prompt is not for those who are shown what was published, and nothing else.
    authScopes: { scope: 'CONTENT_READ_DRAFT' },
    directives: { tag: { name: 'studio' } },
    load: (ids: string[], context) => loadContentGenerations(context, ids),
    resolve: ({ id }) => id,
  }),
)
