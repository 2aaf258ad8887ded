import { defineEntity, p } from '@mikro-orm/postgresql'
import type { ModelProvider } from '../../platform/models.ts'

export const ContentGenerationSchema = defineEntity({
  name: 'ContentGeneration',
  tableName: 'content_generations',
  properties: {
    tenantId: p.uuid().primary(),
    contentId: p.uuid().primary(),
    /** Null once the job has been cleaned up. */
    jobId: p.uuid().nullable(),
    provider: p.text().$type<ModelProvider>(),
    model: p.text(),
    /** The provider's own id of the answer. */
    generationId: p.text().nullable(),
    prompt: p.text(),
    temperature: p.double().$type<number>().nullable(),
    maxTokens: p.integer().nullable(),
    costUsd: p.decimal('string').precision(14).scale(6).nullable(),
    ownKey: p.boolean(),
    flags: p.array(),
    createdAt: p.datetime(3),
  },
})

/** How a content was generated (E-042). */
export class ContentGeneration extends ContentGenerationSchema.class {}
ContentGenerationSchema.setClass(ContentGeneration)
