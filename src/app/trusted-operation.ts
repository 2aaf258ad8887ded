import { GraphQLError } from 'graphql'
import { z } from 'zod'
import type { Viewer } from '../lib/viewer.ts'
import type { Plan } from '../platform/plan.ts'
import type { OperationParams } from './operation.ts'
import type { Endpoint } from './endpoint.ts'

/** As Apollo Client, urql and Relay send the hash of a document in its place. */
const persistedQuery = z.object({ persistedQuery: z.object({ sha256Hash: z.string() }) })
const documentId = /^(?:sha256:)?([0-9a-f]{64})$/

/**
 * A request without a text, with its document's id in the one place where {@link findText} looks for it; it
 * may also come as `documentId`, as in the appendix on persisted documents of the GraphQL over HTTP draft.
 */
export function withDocumentId(request: unknown): unknown {
  if (typeof request !== 'object' || request === null || Array.isArray(request)) return request
  const params: Record<string, unknown> = { ...request }
  if (params['query']) return request
  const { documentId: sha256Hash, ...rest } = params
  const extensions =
    typeof sha256Hash === 'string' ? { persistedQuery: { sha256Hash } } : rest['extensions']
  const hasId = persistedQuery.safeParse(extensions).success
  return hasId ? { ...rest, query: '', extensions } : request
}

export interface FoundText {
  body: string
  /** Null when it came as a text. */
  documentId: string | null
}

/**
 * The document's text: as it was sent, or as it was registered under the id that was sent. Throws
 * GraphQLError for an unknown id, and for a text where only trusted documents are answered.
 */
export async function findText(
  { services, trustedTexts }: Endpoint,
  { query, extensions }: OperationParams,
  { tenantId, apiKey }: Viewer,
  plan: Plan,
): Promise<FoundText> {
  const id = query === '' ? persistedQuery.safeParse(extensions).data : undefined
  if (id) {
    const hash = documentId.exec(id.persistedQuery.sha256Hash)?.[1]
    const body = hash === undefined ? null : await trustedTexts.find(tenantId, hash, plan)
    if (hash !== undefined && body !== null) return { body, documentId: hash }
    throw refused(
      'PERSISTED_QUERY_NOT_FOUND',
      'No trusted document has this id. Ids are the SHA-256 of the text, in hex; registerTrustedDocuments makes them known.',
    )
  }
  if (!services.config.TRUSTED_DOCUMENTS_ONLY && !apiKey?.trustedDocumentsOnly) {
    return { body: query, documentId: null }
  }
  throw refused(
    'TRUSTED_DOCUMENTS_ONLY',
    'Only trusted documents are answered here. Send the documentId of one instead of a query.',
  )
}

function refused(code: string, message: string): GraphQLError {
  return new GraphQLError(message, { extensions: { code } })
}
