import { z } from 'zod'
import { ValidationError } from '../../lib/errors.ts'
import { applyPatch, PatchMisfit, type PatchOperation } from '../../lib/json-patch.ts'
import { changeContent, changeContents, type ChangeRequest } from './change-contents.ts'
import type { BodyText, ContentChange, SettableFields } from '../writing/content-change.ts'
import type { Content } from '../content/content.entity.ts'
import {
  type CallInput,
  check,
  fieldRules,
  issue,
  maxMetadataBytes,
  scheduleIssues,
  summaryRule,
  validOrThrow,
} from './content-input.ts'
import type { ContentRef } from '../content/content-ref.loaders.ts'
import { hashInput } from '../writing/plan-write.ts'
import type { BatchErrorPolicy, WriteDeps, WriteOutcome, Written } from '../writing/write.ts'

/** What a caller wants changed; what is undefined stays as it is. */
export interface UpdateInput extends CallInput {
  ref: ContentRef
  expectedVersion: number | null
  fields: Partial<
    Pick<
      SettableFields,
      'title' | 'status' | 'platforms' | 'tags' | 'hashtags' | 'mentions' | 'scheduledAt'
    >
  > & {
    body?: BodyText
    metadata?: unknown
  }
  /** RFC 6902, applied to the metadata as they are, or as `fields` sets them. */
  metadataPatch: unknown
  changesSummary: string | null
}

/** Changes one content. Throws the DomainErrors of the `UpdateContentResult` union. */
export async function updateContent(deps: WriteDeps, input: UpdateInput): Promise<Written> {
  return changeContent(deps, readRequest('updateContent', input, ['input']))
}

/** The same for many, with one outcome each, in input order. */
export async function updateContents(
  deps: WriteDeps,
  inputs: readonly UpdateInput[],
  policy: BatchErrorPolicy,
): Promise<WriteOutcome[]> {
  const requests = inputs.map((input, index) =>
    readRequest('updateContents', input, ['inputs', String(index)]),
  )
  return changeContents(deps, requests, policy)
}

function readRequest(
  operation: string,
  input: UpdateInput,
  path: readonly string[],
): ChangeRequest {
  const { ref, expectedVersion, idempotencyKey, onUnavailable } = input
  const inputHash = hashInput(input)
  return {
    ref,
    call: { operation, expectedVersion, idempotencyKey, onUnavailable, inputHash, path },
    change: (current) => readChange(input, current, path),
  }
}

const pointer = z.string().regex(/^(\/|$)/, 'must be a JSON pointer: empty, or beginning with /')

const operation = z
  .object({
    op: z.enum(['add', 'remove', 'replace', 'move', 'copy', 'test']),
    path: pointer,
    from: pointer.optional(),
  })
  .loose()

const rules = z
  .object(fieldRules)
  .partial()
  .extend({
    metadataPatch: z.array(operation).max(100).nullable(),
    changesSummary: summaryRule.nullable(),
  })
  .loose()

/** Throws ValidationError with all issues. */
function readChange(
  { fields, metadataPatch, changesSummary }: UpdateInput,
  current: Content,
  path: readonly string[],
): ContentChange {
  const given = { ...fields, metadataPatch, changesSummary }
  const { data, issues } = check(rules, given, path)
  if (fields.status !== undefined || fields.scheduledAt !== undefined) {
    const { status = current.status, scheduledAt = current.scheduledAt ?? null } = fields
    // A date that has passed is history, unless it is to be waited for.
    const awaited = fields.scheduledAt !== undefined || status === 'scheduled' ? scheduledAt : null
    issues.push(...scheduleIssues({ status, scheduledAt: awaited }, path, new Date()))
  }
  const { title, body, platforms, tags, hashtags, mentions, metadata } = validOrThrow(data, issues)
  const { status, scheduledAt } = fields
  const set = { title, status, platforms, tags, hashtags, mentions, scheduledAt, metadata }
  const patched = metadataPatch
    ? { metadata: patch(metadata ?? current.metadata, data?.metadataPatch ?? [], path) }
    : {}
  return {
    type: 'update',
    set: { ...withoutUndefined(set), ...patched },
    ...(body && { body }),
    summary: data?.changesSummary ?? null,
  }
}

function withoutUndefined(set: { [K in keyof SettableFields]?: SettableFields[K] | undefined }) {
  const given = Object.entries(set).filter(([, value]) => value !== undefined)
  return Object.fromEntries(given) as Partial<SettableFields>
}

/** Throws ValidationError at the operation that does not fit, or when the result breaks a rule. */
function patch(
  metadata: Record<string, unknown>,
  operations: readonly PatchOperation[],
  path: readonly string[],
): Record<string, unknown> {
  const place = [...path, 'metadataPatch']
  try {
    const patched = applyPatch(metadata, operations, maxMetadataBytes)
    const { data, issues } = check(fieldRules.metadata, patched, place)
    return validOrThrow(data, issues)
  } catch (error) {
    if (!(error instanceof PatchMisfit)) throw error
    const message = `does not fit the metadata: it ${error.message}; read them again`
    throw new ValidationError([issue([...place, String(error.index)], 'PATCH_FAILED', message)])
  }
}
