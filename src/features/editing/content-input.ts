import { type FieldIssue, ValidationError } from '../../lib/errors.ts'
import { isWithin } from '../../lib/nesting.ts'
import { z } from 'zod'
import type { BodyText, ContentChange } from '../writing/content-change.ts'
import type { Content, ContentStatus, ContentType, Platform } from '../content/content.entity.ts'
import type { ExternalRef } from '../content/content-where.ts'
import type { OnUnavailable } from '../writing/write.ts'

/** What callers say of a call, beside what it is to store. */
export interface CallInput {
  /** Names this call: a repeat within 24 hours has no second effect. */
  idempotencyKey: string | null
  onUnavailable: OnUnavailable
}

/** What a caller wants stored; ids are database ids. */
export interface ContentInput extends CallInput {
  brandId: string | null
  campaignSpaceId: string | null
  title: string
  body: BodyText
  type: ContentType
  status: ContentStatus
  platforms: readonly Platform[]
  tags: readonly string[]
  hashtags: readonly string[]
  mentions: readonly string[]
  metadata: unknown
  scheduledAt: Date | null
  externalRef: ExternalRef | null
}

/** One body, in UTF-8 bytes: what a request (2 MB) can carry. */
const maxBodyBytes = 2_000_000
export const maxMetadataBytes = 65_536

/** More mistakes tell a client nothing new. */
const maxIssues = 20
/** A JSON body can be asked for as JSON, and has to be written out again then. */
const jsonBodyLimits = { depth: 500, items: Infinity, entries: Infinity }

const labels = z.array(z.string().trim().min(1).max(100)).max(50)

/** A line for the history. */
export const summaryRule = z.string().trim().min(1).max(500)

/** Rules of fields, for creating and for updating alike. */
export const fieldRules = {
  title: z.string().trim().min(1).max(500),
  body: z
    .object({
      format: z.enum(['html', 'text', 'markdown', 'json']),
      raw: z
        .string()
        .refine(
          (raw) => Buffer.byteLength(raw) <= maxBodyBytes,
          `must not exceed ${maxBodyBytes} bytes`,
        ),
    })
    .refine(({ format, raw }) => format !== 'json' || isJson(raw), {
      error: 'must be JSON, as the format says, and at most 500 deep',
      path: ['raw'],
      params: { code: 'INVALID_JSON' },
    }),
  platforms: z.array(z.custom<Platform>()).max(20),
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
}

const rules = z
  .object({
    ...fieldRules,
    externalRef: z
      .object({ system: z.string().min(1).max(100), id: z.string().min(1).max(500) })
      .nullable(),
  })
  .loose()

/** The input with texts trimmed and metadata known to be an object. */
export type ValidContentInput = Omit<
  ContentInput,
  'metadata' | 'platforms' | 'tags' | 'hashtags' | 'mentions'
> &
  Pick<Content, 'metadata' | 'platforms' | 'tags' | 'hashtags' | 'mentions'>

/** Checks every rule at once; throws ValidationError with all issues, paths beginning at `path`. */
export function validateContentInput(
  input: ContentInput,
  path: readonly string[],
  now: Date,
): ValidContentInput {
  const { data, issues } = check(rules, input, path)
  const { status, scheduledAt, campaignSpaceId, brandId } = input
  issues.push(...scheduleIssues({ status, scheduledAt }, path, now))
  if (campaignSpaceId && !brandId) {
    // Or people outside the campaign's brand would see it: what has no brand is everybody's.
    issues.push(issue([...path, 'brandId'], 'REQUIRED', 'is needed with a campaignSpaceId'))
  }
  return { ...input, ...validOrThrow(data, issues) }
}

/** The input, parsed, or what is wrong with it. */
export function check<T>(
  schema: z.ZodType<T>,
  input: unknown,
  path: readonly string[],
): { data: T | undefined; issues: FieldIssue[] } {
  const { data, error } = schema.safeParse(input)
  const issues = (error?.issues ?? []).map((one) =>
    issue([...path, ...one.path.map(String)], codeOf(one), one.message),
  )
  return { data, issues }
}

function codeOf(one: z.core.$ZodIssue): string {
  const own: unknown = one.code === 'custom' ? one.params?.['code'] : undefined
  return typeof own === 'string' ? own : one.code.toUpperCase()
}

export function validOrThrow<T>(data: T | undefined, issues: readonly FieldIssue[]): T {
  if (data === undefined || issues.length > 0) {
    throw new ValidationError(issues.slice(0, maxIssues))
  }
  return data
}

/** A date to be published at lies ahead, and SCHEDULED needs one. */
export function* scheduleIssues(
  { status, scheduledAt }: { status: ContentStatus; scheduledAt: Date | null },
  path: readonly string[],
  now: Date,
): Iterable<FieldIssue> {
  const place = [...path, 'scheduledAt']
  if (status === 'scheduled' && !scheduledAt) {
    yield issue(place, 'REQUIRED', 'is needed for the status SCHEDULED')
  }
  if (scheduledAt && scheduledAt <= now) {
    yield issue(place, 'IN_THE_PAST', 'must be in the future')
  }
}

export function issue(path: readonly string[], code: string, message: string): FieldIssue {
  return { path, code, message }
}

/** The input as what it does to a content, new or there already. */
export function changeOf(input: ValidContentInput, type: 'create' | 'update'): ContentChange {
  const { body, type: contentType, externalRef, ...fields } = input
  const { brandId, campaignSpaceId, title, status, platforms, tags, hashtags, mentions } = fields
  const { metadata, scheduledAt } = fields
  return {
    type,
    body,
    set: {
      brandId,
      campaignSpaceId,
      title,
      contentType,
      status,
      platforms,
      tags,
      hashtags,
      mentions,
      metadata,
      scheduledAt,
      ...(externalRef && { externalSystem: externalRef.system, externalId: externalRef.id }),
    },
  }
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
