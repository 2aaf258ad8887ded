import { createHash } from 'node:crypto'
import { z } from 'zod'

const Content = z.union([
  z.string(),
  z.array(z.looseObject({ text: z.string().optional() })).transform(joinParts),
])

/** What of OpenAI's chat completion request the stand-in heeds. */
export const ChatRequest = z.object({
  model: z.string().min(1),
  messages: z.array(z.object({ role: z.string(), content: Content })).min(1),
  seed: z.int().nullish(),
  max_tokens: z.int().positive().nullish(),
  max_completion_tokens: z.int().positive().nullish(),
  stream: z.boolean().nullish(),
  stream_options: z.object({ include_usage: z.boolean().nullish() }).nullish(),
  response_format: z
    .object({
      type: z.enum(['text', 'json_object', 'json_schema']),
      json_schema: z
        .object({ schema: z.object({ properties: z.record(z.string(), z.unknown()).optional() }) })
        .optional(),
    })
    .nullish(),
})

export type ChatRequest = z.infer<typeof ChatRequest>

function joinParts(parts: readonly { text?: string | undefined }[]): string {
  return parts.map(({ text = '' }) => text).join('')
}

/** All that was said to the model. */
export function promptOf({ messages }: ChatRequest): string {
  return messages.map(({ content }) => content).join('\n')
}

/** The request's own seed, or one made of what was said: the same question, the same answer. */
export function seedOf({ seed, model, messages }: ChatRequest): number {
  if (typeof seed === 'number') return seed
  return createHash('sha256')
    .update(JSON.stringify([model, messages]))
    .digest()
    .readInt32LE()
}

const maxTopicLength = 120

/** Where a topic stands in prompts, in the order of how sure that is. */
const topicPatterns = [
  /^[ \t*]*topic[ \t*]*:[ \t]*(\S.*)$/im,
  /\babout[ \t]+["“«]?([^"”»\n.!?]+)/i,
  /["“«]([^"”»\n]{3,})["”»]/,
  /^(.*\S)/m,
]

/** What the last message is about, as well as can be told. */
export function topicOf({ messages }: ChatRequest): string {
  const asked = messages.at(-1)?.content ?? ''
  for (const pattern of topicPatterns) {
    const topic = pattern.exec(asked)?.[1]?.trim()
    if (topic) return topic.slice(0, maxTopicLength)
  }
  return 'your business'
}
