import { type GraphQLSchema, Kind } from 'graphql'
import { builder } from '../../graphql/builder.ts'
import { connectionOf } from '../../graphql/connection.ts'
import { batchOf, forwardPages, itemsWeigh } from '../../graphql/list-size.ts'
import { readPageArguments } from '../../graphql/page-arguments.ts'
import { presentError } from '../../graphql/present-error.ts'
import { readDocument } from '../../graphql/read-document.ts'
import {
  type FieldIssue,
  ForbiddenError,
  StorageUnavailableError,
  ValidationError,
} from '../../lib/errors.ts'
import { type NewTrustedDocument, registerTrustedDocuments } from './register-trusted-documents.ts'
import type { TrustedDocument } from './trusted-document.entity.ts'
import {
  documentCursorOf,
  listTrustedDocuments,
  loadByDocumentId,
  loadTrustedDocuments,
} from './trusted-document.loaders.ts'

export const TrustedDocumentNode = builder.loadableNodeRef('TrustedDocument', {
  id: { resolve: (document: TrustedDocument) => document.id },
  load: (ids: string[], context) => loadTrustedDocuments(context, ids),
})
TrustedDocumentNode.implement({
  description: 'An operation that clients ask for by its id instead of its text.',
  // On the type, because `node` reaches it too.
  authScopes: { scope: 'APIKEY_MANAGE' },
  fields: (t) => ({
    documentId: t.exposeString('documentId', {
      description: 'SHA-256 of the body in hex; requests carry it as `documentId`.',
    }),
    operationName: t.exposeString('operationName'),
    body: t.exposeString('body'),
    createdAt: t.expose('createdAt', { type: 'DateTime' }),
    lastUsedAt: t.expose('lastUsedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'To the hour; null until it has been asked for by its id.',
    }),
  }),
})

const TrustedDocumentConnection = connectionOf<TrustedDocument>(
  'TrustedDocument',
  TrustedDocumentNode,
)

const dayMs = 86_400_000

builder.queryField('trustedDocuments', (t) =>
  t.field({
    type: TrustedDocumentConnection,
    description: 'Newest first; 1 to 100 a page, 50 unless `first` says otherwise.',
    authScopes: { scope: 'APIKEY_MANAGE' },
    directives: forwardPages(50),
    args: {
      first: t.arg.int(),
      after: t.arg.string(),
      unusedForDays: t.arg.int({
        description: 'Only those that nobody has asked for in so many days, or ever.',
      }),
    },
    resolve: async (_root, { unusedForDays, ...page }, context) => {
      const request = readPageArguments(page, 50)
      const { limit, cursor } = request
      const unusedSince =
        unusedForDays == null ? undefined : new Date(Date.now() - unusedForDays * dayMs)
      const found = await listTrustedDocuments(context, { limit, cursor, unusedSince })
      const nodes = found.slice(0, limit)
      return { request, nodes, hasMore: found.length > limit, cursorOf: documentCursorOf }
    },
  }),
)

const TrustedDocumentsSuccessObject = builder
  .objectRef<{ registered: TrustedDocument[] }>('TrustedDocumentsSuccess')
  .implement({
    fields: (t) => ({
      registered: t.field({
        type: [TrustedDocumentNode],
        description: 'In the order of the input, those that were there already included.',
        resolve: ({ registered }) => registered,
      }),
    }),
  })

const TrustedDocumentsResult = builder.errorUnion('TrustedDocumentsResult', {
  types: [TrustedDocumentsSuccessObject, ValidationError, ForbiddenError, StorageUnavailableError],
  resolveType: () => TrustedDocumentsSuccessObject,
})

builder.mutationField('registerTrustedDocuments', (t) =>
  t.field({
    type: TrustedDocumentsResult,
    description:
      'Lets clients ask for these operations by id: all of them, or none if one is not right. Repeating the call is harmless.',
    authScopes: { scope: 'APIKEY_MANAGE' },
    directives: batchOf('documents', 'registered'),
    args: {
      documents: t.arg.stringList({
        required: true,
        directives: itemsWeigh(10),
        description: '1 to 100 texts, each one named operation and the fragments it spreads.',
      }),
    },
    resolve: async (_root, { documents }, context, { schema }) => {
      const ids = await registerTrustedDocuments(context, readDocuments(documents, schema))
      const loaded = await loadByDocumentId(context, ids)
      return { registered: loaded.filter((document) => document !== null) }
    },
  }),
)

const maxAtOnce = 100

/** Throws ValidationError with every mistake of every document. */
function readDocuments(documents: readonly string[], schema: GraphQLSchema): NewTrustedDocument[] {
  if (documents.length === 0 || documents.length > maxAtOnce) {
    const message = `takes 1 to ${maxAtOnce} documents, and has ${documents.length}`
    throw new ValidationError([{ path: ['documents'], code: 'LENGTH', message }])
  }
  const issues: FieldIssue[] = []
  const read = documents.map((body, index) => {
    const found = readNamed(body, schema)
    if ('operationName' in found) return found
    const path = ['documents', String(index)]
    issues.push(...found.messages.map((message) => ({ path, code: 'INVALID', message })))
    return { operationName: '', body }
  })
  if (issues.length > 0) throw new ValidationError(issues)
  return read
}

function readNamed(
  body: string,
  schema: GraphQLSchema,
): NewTrustedDocument | { messages: readonly string[] } {
  const found = readDocument(schema, body, { showsSchema: false })
  if ('errors' in found) {
    return { messages: found.errors.map((error) => presentError(error).message) }
  }
  const operations = found.document.definitions.filter(
    (definition) => definition.kind === Kind.OPERATION_DEFINITION,
  )
  const [operation] = operations
  const operationName = operations.length === 1 ? operation?.name?.value : undefined
  if (operationName !== undefined) return { operationName, body }
  return { messages: ['must be one operation with a name, and the fragments it spreads'] }
}
