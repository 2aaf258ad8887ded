import { GraphQLError } from 'graphql'
import { builder } from '../../graphql/builder.ts'
import type { Context } from '../../graphql/context.ts'
import { StoreKindEnum } from '../../graphql/errors.ts'
import type { StoredDocument } from '../../platform/document-store.ts'
import { plainText, shorten } from './body-text.ts'
import { BodyFormatEnum } from './content-enums.graphql.ts'
import type { BodyFormat, Content } from './content.entity.ts'
import { type FoundBody, readBody } from './read-body.ts'

/** A body and what PostgreSQL knows about it; a snapshot's body has the same shape. */
export interface ContentBody {
  format: BodyFormat
  document: StoredDocument
  /** POSTGRES for a body that still waits for ZeroDB. */
  store: FoundBody['store']
  asOf: Date
}

const ProvenanceObject = builder.objectRef<ContentBody>('Provenance').implement({
  description: 'Where these bytes came from.',
  fields: (t) => ({
    store: t.expose('store', { type: StoreKindEnum }),
    asOf: t.expose('asOf', { type: 'DateTime', description: 'When this version was written.' }),
    stale: t.boolean({
      description: 'True when a newer version exists that could not be had.',
      resolve: () => false,
    }),
    failover: t.boolean({
      description: 'True when the bytes are a recovery copy.',
      resolve: () => false,
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
        const text = plainText(format, document.raw)
        return maxLength == null ? text : shorten(text, Math.max(0, maxLength))
      },
    }),
    json: t.field({
      type: 'JSON',
      nullable: true,
      description: 'The parsed body when the format is JSON.',
      resolve: ({ format, document }) =>
        format === 'json' ? (JSON.parse(document.raw) as unknown) : null,
    }),
    byteSize: t.field({ type: 'BigInt', resolve: ({ document }) => document.sizeBytes }),
    provenance: t.field({ type: ProvenanceObject, resolve: (body) => body }),
  }),
})

export type BodyRef = Pick<
  Content,
  'zerodbId' | 'sha256' | 'storageSizeBytes' | 'bodyFormat' | 'updatedAt'
>

/** The body of one content; at once when it is in memory, so that a warm page makes no promises. */
export function loadBody(ref: BodyRef, context: Context): ContentBody | Promise<ContentBody> {
  const { zerodbId: id, sha256, storageSizeBytes: sizeBytes } = ref
  const found = readBody(context, { id, sha256, sizeBytes })
  return found instanceof Promise ? found.then((body) => present(ref, body)) : present(ref, found)
}

function present(ref: BodyRef, found: FoundBody | null): ContentBody {
  if (found) return { format: ref.bodyFormat, ...found, asOf: ref.updatedAt }
  throw new GraphQLError('The body is missing from the content store; its metadata is intact.', {
    extensions: { code: 'CONTENT_BODY_MISSING' },
  })
}
