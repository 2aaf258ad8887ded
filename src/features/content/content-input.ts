import { type FieldIssue, ValidationError } from '../../lib/errors.ts'
import { isWithin } from '../../lib/nesting.ts'
import { z } from 'zod'
import type { BodyFormat, ContentStatus, ContentType, Platform } from './content.entity.ts'
import type { ExternalRef } from './content-where.ts'

/** What a caller wants stored; ids are database ids. */
export interface ContentInput {
  brandId: string | null
  campaignSpaceId: string | null
  title: string
  body: { format: BodyFormat; raw: string }
  type: ContentType
  status: ContentStatus
  platforms: readonly Platform[]
  tags: readonly string[]
  hashtags: readonly string[]
  mentions: readonly string[]
  metadata: unknown
  scheduledAt: Date | null
  externalRef: ExternalRef | null
  /** Names this call: a repeat within 24 hours has no second effect. */
  idempotencyKey: string | null
}

/** One body, in UTF-8 bytes: what a request (2 MB) can carry. */
const maxBodyBytes = 2_000_000
const maxMetadataBytes = 65_536

/** More mistakes tell a client nothing new. */
const maxIssues = 20
/** A JSON body can be asked for as JSON, and has to be written out again then. */
const jsonBodyLimits = { depth: 500, items: Infinity, entries: Infinity }

const labels = z.array(z.string().trim().min(1).max(100)).max(50)

const rules = z
  .object({
    title: z.string().trim().min(1).max(500),
    body: z.object({
      format: z.string(),
      raw: z
        .string()
        .refine(
          (raw) => Buffer.byteLength(raw) <= maxBodyBytes,
          `must not exceed ${maxBodyBytes} bytes`,
        ),
    }),
    platforms: z.array(z.string()).max(20),
    tags: labels,
    hashtags: labels,
    mentions: labels,
    metadata: z
      .custom<Record<string, unknown>>(isJsonObject, 'must be a JSON object')
      .refine(
        (value) => Buffer.byteLength(JSON.stringify(value)) <= maxMetadataBytes,
        `must not exceed ${maxMetadataBytes} bytes as JSON`,
      )
      // Copied by one library or the other, it would be lost or change what the object is.
      .refine(
        (value) => !JSON.stringify(value).includes('"__proto__":'),
        'must not have a key "__proto__"',
      ),
    externalRef: z
      .object({ system: z.string().min(1).max(100), id: z.string().min(1).max(500) })
      .nullable(),
    idempotencyKey: z.string().min(1).max(200).nullable(),
  })
  .loose()

/** The input with texts trimmed and metadata known to be an object. */
export type ValidContentInput = Omit<ContentInput, 'metadata'> & {
  metadata: Record<string, unknown>
}

/** Checks every rule at once; throws ValidationError with all issues, paths beginning at `path`. */
export function validateContentInput(
  input: ContentInput,
  path: readonly string[],
  now: Date,
): ValidContentInput {
  const parsed = rules.safeParse(input)
  const issues: FieldIssue[] = parsed.success
    ? []
    : parsed.error.issues.map((issue) => ({
        path: [...path, ...issue.path.map(String)],
        code: issue.code.toUpperCase(),
        message: issue.message,
      }))
  issues.push(...crossChecks(input, path, now))
  if (!parsed.success || issues.length > 0) throw new ValidationError(issues.slice(0, maxIssues))
  const { title, tags, hashtags, mentions, metadata } = parsed.data
  return { ...input, title, tags, hashtags, mentions, metadata }
}

function* crossChecks(
  input: ContentInput,
  path: readonly string[],
  now: Date,
): Iterable<FieldIssue> {
  const { status, scheduledAt, body } = input
  if (input.campaignSpaceId && !input.brandId) {
    // Or people outside the campaign's brand would see it: what has no brand is everybody's.
    yield issue([...path, 'brandId'], 'REQUIRED', 'is needed with a campaignSpaceId')
  }
  if (status === 'scheduled' && !scheduledAt) {
    yield issue([...path, 'scheduledAt'], 'REQUIRED', 'is needed for the status SCHEDULED')
  }
  if (scheduledAt && scheduledAt <= now) {
    yield issue([...path, 'scheduledAt'], 'IN_THE_PAST', 'must be in the future')
  }
  if (body.format === 'json' && !isJson(body.raw)) {
    yield issue(
      [...path, 'body', 'raw'],
      'INVALID_JSON',
      'must be JSON, as the format says, and at most 500 deep',
    )
  }
}

function issue(path: readonly string[], code: string, message: string): FieldIssue {
  return { path, code, message }
}

function isJsonObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isJson(text: string): boolean {
  try {
    return isWithin(JSON.parse(text), jsonBodyLimits)
  } catch {
    return false
  }
}
