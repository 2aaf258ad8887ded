import {
  ConflictError,
  NotFoundError,
  StorageUnavailableError,
  UpstreamError,
} from '../../lib/errors.ts'
import { changeContent } from '../editing/change-contents.ts'
import type { ContentChange, SettableFields } from '../writing/content-change.ts'
import { type Content, contentTypes, platforms } from '../content/content.entity.ts'
import { loadHistory, loadVersionsByNumber } from './content-version.loaders.ts'
import type { ContentVersion } from '../content/content-version.entity.ts'
import { check, summaryRule, validOrThrow } from '../editing/content-input.ts'
import { columnsOf, hashInput } from '../writing/plan-write.ts'
import { readBody } from '../content/read-body.ts'
import type { Snapshot } from '../content/snapshot.ts'
import type { WriteDeps, Written } from '../writing/write.ts'
import { z } from 'zod'

export interface RestoreCall {
  contentId: string
  /** The number of the version whose state comes back. */
  version: number
  expectedVersion: number | null
  summary: string | null
  idempotencyKey: string | null
}

/**
 * Makes an earlier state the newest version: title, body, type, labels and metadata. Where a content
 * belongs and whether it is public stay as they are. The body is not stored again: both versions share
 * its document.
 */
export function restoreVersion(deps: WriteDeps, restore: RestoreCall): Promise<Written> {
  const { contentId, version, expectedVersion, summary, idempotencyKey } = restore
  const inputHash = hashInput(contentId, version, expectedVersion, summary)
  const operation = 'restoreVersion'
  const onUnavailable = 'FAIL'
  const path = ['version']
  const call = {
    operation,
    idempotencyKey,
    onUnavailable,
    inputHash,
    path,
    expectedVersion,
  } as const
  return changeContent(deps, {
    ref: { id: contentId },
    call,
    change: (current) => {
      const { data, issues } = check(summaryRule.nullable(), summary, ['summary'])
      return planRestore(deps, current, { ...restore, summary: validOrThrow(data, issues) })
    },
  })
}

async function planRestore(
  deps: WriteDeps,
  current: Content,
  { version, summary }: RestoreCall,
): Promise<ContentChange> {
  const [source] = await loadVersionsByNumber(deps, [{ contentId: current.id, number: version }])
  if (!source) throw new NotFoundError(`Version ${version} of this content`, { path: ['version'] })
  if (source.expiredAt) throw expired(current, source)
  const { set, body } = await readState(deps, current, source).catch((error: unknown) => {
    throw error instanceof UpstreamError ? new StorageUnavailableError(error) : error
  })
  return {
    type: 'restore',
    set,
    ...(body && { body }),
    summary: summary ?? `Restored version ${version}.`,
    restoredFrom: version,
  }
}

/** The history entry and the body, at once. */
async function readState(deps: WriteDeps, current: Content, source: ContentVersion) {
  const { documentId, sha256, sizeBytes } = source
  const isCurrent = documentId === current.zerodbId
  const [[entry], found] = await Promise.all([
    loadHistory(deps, [source.id]),
    isCurrent ? null : readBody(deps, { id: documentId, sha256, sizeBytes }),
  ])
  if (!entry || (!isCurrent && !found)) {
    throw new UpstreamError('ZeroDB', 'malformed', `version ${source.id} lacks its documents`)
  }
  const { body } = entry.snapshot
  return { set: settable(entry.snapshot), body: found && columnsOf(found, body.format) }
}

const texts = z.array(z.string())
const recorded = z.object({
  content_type: z.enum(contentTypes),
  platforms: z.array(z.enum(platforms)),
  tags: texts,
  hashtags: texts,
  mentions: texts,
  custom: z.record(z.string(), z.unknown()),
})

function settable({ title, metadata }: Snapshot): Partial<SettableFields> {
  const { content_type: contentType, custom, ...labels } = recorded.parse(metadata)
  return { title, contentType, metadata: custom, ...labels }
}

function expired({ id, version }: Content, { versionNumber }: ContentVersion): ConflictError {
  const message = `Version ${versionNumber} has expired: your plan keeps it no longer. Restore a later one.`
  return new ConflictError(message, { contentId: id, version })
}
