import { createContextCache } from '@pothos/core'
import DataLoader from 'dataloader'
import { GraphQLError } from 'graphql'
import { UpstreamError } from '../../lib/errors.ts'
import { builder } from '../../graphql/builder.ts'
import type { Context } from '../../graphql/context.ts'
import { StoreKindEnum } from '../../graphql/errors.ts'
import type { StoredDocument } from '../../platform/document-store.ts'
import { plainText, shorten } from './body-text.ts'
import { BodyFormatEnum } from './content-enums.graphql.ts'
import type { BodyFormat, Content } from './content.entity.ts'
import {
  type FoundBody,
  loadMissedBodies,
  type MissedBody,
  notCopied,
} from './missed-body.loaders.ts'

/** A body and what PostgreSQL knows about it; a snapshot's body has the same shape. */
export interface ContentBody {
  format: BodyFormat
  document: StoredDocument
  /** POSTGRES for a body that still waits for ZeroDB, BIGQUERY for the recovery copy. */
  store: FoundBody['store']
  version: number
  /** When that version was written. */
  at: Date
  isStale: boolean
}

const ProvenanceObject = builder.objectRef<ContentBody>('Provenance').implement({
  description: 'Where these bytes came from.',
  fields: (t) => ({
    store: t.expose('store', { type: StoreKindEnum }),
    version: t.exposeInt('version', { description: 'The version of the content they belong to.' }),
    asOf: t.expose('at', { type: 'DateTime', description: 'When this version was written.' }),
    stale: t.exposeBoolean('isStale', {
      description: 'True when a newer version exists that could not be had.',
    }),
    failover: t.boolean({
      description: 'True when the bytes are a recovery copy.',
      resolve: ({ store }) => store === 'bigquery',
    }),
  }),
})

export const ContentBodyObject = builder.objectRef<ContentBody>('ContentBody').implement({
  description: 'The body, checked against its SHA-256.',
  fields: (t) => ({
    format: t.expose('format', { type: BodyFormatEnum }),
    raw: t.string({
      description: 'Exactly what was stored.',
      resolve: ({ document }) => document.raw,
    }),
    html: t.string({
      nullable: true,
      description: 'The raw body when the format is HTML.',
      resolve: ({ format, document }) => (format === 'html' ? document.raw : null),
    }),
    text: t.string({
      nullable: true,
      description: 'Without HTML mark-up, the first `maxLength` characters.',
      args: { maxLength: t.arg.int() },
      resolve: ({ format, document }, { maxLength }) => {
        const text = plainText(format, document.raw.text)
        return maxLength == null ? text : shorten(text, Math.max(0, maxLength))
      },
    }),
    json: t.field({
      type: 'JSON',
      nullable: true,
      description: 'The parsed body when the format is JSON.',
      resolve: ({ format, document }) =>
        format === 'json' ? (JSON.parse(document.raw.text) as unknown) : null,
    }),
    byteSize: t.field({ type: 'BigInt', resolve: ({ document }) => document.sizeBytes }),
    provenance: t.field({ type: ProvenanceObject, resolve: (body) => body }),
  }),
})

export const bodyColumns = [
  'id',
  'version',
  'zerodbId',
  'sha256',
  'storageSizeBytes',
  'bodyFormat',
  'updatedAt',
] as const satisfies (keyof Content)[]

/** Whose body, and what PostgreSQL knows of it. */
export type BodyRef = Pick<Content, (typeof bodyColumns)[number]>

/** What ZeroDB did not give: a page of it is one round trip, and one query of the recovery copy. */
const missedBodies = createContextCache(
  (context: Context) =>
    new DataLoader<MissedBody, FoundBody | null, string>(
      (missed) => loadMissedBodies(context, missed),
      // Who may not have an earlier body must not get it from who may.
      { cacheKeyFn: (body) => `${body.contentId}:${body.version}:${body.mayBeOlder}` },
    ),
)

/** The body of one version; at once when it is in memory, so that a warm page makes no promises. */
export function loadBody(ref: BodyRef, context: Context): ContentBody | Promise<ContentBody> {
  return load(ref, context, false)
}

/** That of the current version; while it cannot be had, of an earlier one, which says that it is. */
export function loadCurrentBody(
  content: BodyRef,
  context: Context,
): ContentBody | Promise<ContentBody> {
  return load(content, context, true)
}

function load(
  ref: BodyRef,
  context: Context,
  mayBeOlder: boolean,
): ContentBody | Promise<ContentBody> {
  const { tenantId, documents, viewer } = context
  const { id: contentId, version, zerodbId: id, sha256, storageSizeBytes: sizeBytes } = ref
  const readOn = async (failure: UpstreamError | null) => {
    const body = { id, sha256, sizeBytes, contentId, version, mayBeOlder, failure }
    return present(ref, await missedBodies(context).load(body))
  }
  if (viewer.readMode === 'metadata_only') throw switchedOff()
  if (viewer.readMode === 'fallback') return readOn(notCopied())
  const found = documents.get(tenantId, { id, sha256, sizeBytes }, context)
  if (!(found instanceof Promise)) return present(ref, { document: found, store: 'zerodb' })
  return found.then(
    (document) => (document ? present(ref, { document, store: 'zerodb' }) : readOn(null)),
    (error: unknown) => {
      if (error instanceof UpstreamError) return readOn(error)
      throw error
    },
  )
}

/** With the read mode METADATA_ONLY the content store is not asked, whatever it could answer. */
export function switchedOff(): GraphQLError {
  return new GraphQLError(
    'The content store is switched off for your tenant: its read mode is METADATA_ONLY. An owner switches it on again with setReadMode.',
    { extensions: { code: 'CONTENT_STORE_UNAVAILABLE', retryAfterMs: 5_000 } },
  )
}

function present(ref: BodyRef, found: FoundBody | null): ContentBody {
  if (!found) {
    throw new GraphQLError('The body is missing from the content store; its metadata is intact.', {
      extensions: { code: 'CONTENT_BODY_MISSING' },
    })
  }
  const { document, store, older } = found
  const shown = older ?? { version: ref.version, format: ref.bodyFormat, at: ref.updatedAt }
  return { ...shown, document, store, isStale: older !== undefined }
}
