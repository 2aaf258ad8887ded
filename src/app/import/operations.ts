import { z } from 'zod'

/** The part of `CreateContentInput` that the import uses. */
export interface NewContent {
  externalRef: { system: string; id: string }
  title: string
  body: { format: 'MARKDOWN'; raw: string }
  type: string
  status: string
  tags: readonly string[]
  metadata: Record<string, unknown>
  scheduledAt?: string | null
  platforms?: readonly string[]
  hashtags?: readonly string[]
  mentions?: readonly string[]
  brandId?: string | null
  campaignSpaceId?: string | null
  idempotencyKey?: string
}

const node = z.object({ id: z.string() })

const currentContent = z.object({
  title: z.string(),
  type: z.string(),
  status: z.string(),
  tags: z.array(z.string()),
  hashtags: z.array(z.string()),
  mentions: z.array(z.string()),
  platforms: z.array(z.string()),
  metadata: z.record(z.string(), z.unknown()),
  scheduledAt: z.string().nullable(),
  brand: node.nullable(),
  campaignSpace: node.nullable(),
  storage: z.object({ checksum: z.string(), mimeType: z.string() }),
})

/** A content as it is: to tell whether it must change, and to keep what a file does not speak of. */
export type CurrentContent = z.infer<typeof currentContent>

/** An operation may have this many root fields. */
export const maxRefsPerFind = 10

/** Asks for the contents behind the variables `r0` to `r<count - 1>`, as `c0` to `c<count - 1>`. */
export function findOperation(count: number): string {
  const numbers = Array.from({ length: count }, (_, number) => number)
  return `query ImportFind(${numbers.map((n) => `$r${n}: ContentRef!`).join(', ')}) {
    ${numbers.map((n) => `c${n}: content(ref: $r${n}) { ...Current }`).join('\n')}
  }
  fragment Current on Content {
    title type status tags hashtags mentions platforms metadata scheduledAt
    brand { id } campaignSpace { id } storage { checksum mimeType }
  }`
}

export const foundContents = z.record(z.string(), currentContent.nullable())

const refusalFragment = `fragment Refusal on Error {
  code message
  ... on StorageUnavailableError { retryAfterSeconds }
  ... on ValidationError { issues { path message } }
}`

const refusal = z.object({
  code: z.string(),
  message: z.string(),
  retryAfterSeconds: z.number().nullish(),
  issues: z.array(z.object({ path: z.array(z.string()), message: z.string() })).optional(),
})

/** An expected failure of one write. */
export type Refusal = z.infer<typeof refusal>

export const createOperation = `mutation ImportNew($inputs: [CreateContentInput!]!) {
  createContents(inputs: $inputs, errorPolicy: REJECT_FAILED) {
    ... on ContentBatchSuccess { results { content { deletedAt } errors { ...Refusal } } }
    ...Refusal
  }
}
${refusalFragment}`

/** Deleted: a repeat of a call whose content somebody has thrown away since. */
const created = z.object({ deletedAt: z.string().nullable() })

export const createAnswer = z.object({
  createContents: z.union([
    z.object({
      results: z.array(z.object({ content: created.nullable(), errors: z.array(refusal) })),
    }),
    refusal,
  ]),
})

export const upsertOperation = `mutation ImportChanged($ref: ContentRef!, $input: CreateContentInput!) {
  upsertContent(ref: $ref, input: $input) {
    ... on ContentSuccess { content { id } }
    ...Refusal
  }
}
${refusalFragment}`

export const upsertAnswer = z.object({
  upsertContent: z.union([z.object({ content: node }), refusal]),
})
