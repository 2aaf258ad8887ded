import { type FieldIssue, ValidationError } from '../../lib/errors.ts'
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
      .record(z.string(), z.unknown(), 'must be a JSON object')
      .refine(
        (value) => Buffer.byteLength(JSON.stringify(value)) <= maxMetadataBytes,
        `must not exceed ${maxMetadataBytes} bytes as JSON`,
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
  if (!parsed.success || issues.length > 0) throw new ValidationError(issues)
  const { title, tags, hashtags, mentions, metadata } = parsed.data
  return { ...input, title, tags, hashtags, mentions, metadata }
}

function* crossChecks(
  input: ContentInput,
  path: readonly string[],
  now: Date,
): Iterable<FieldIssue> {
  const { status, scheduledAt, body } = input
  if (status === 'scheduled' && !scheduledAt) {
    yield issue([...path, 'scheduledAt'], 'REQUIRED', 'is needed for the status SCHEDULED')
  }
  if (scheduledAt && scheduledAt <= now) {
    yield issue([...path, 'scheduledAt'], 'IN_THE_PAST', 'must be in the future')
  }
  if (body.format === 'json' && !isJson(body.raw)) {
    yield issue([...path, 'body', 'raw'], 'INVALID_JSON', 'must be JSON, as the format says')
  }
}

function issue(path: readonly string[], code: string, message: string): FieldIssue {
  return { path, code, message }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
