import type { DocumentNode, GraphQLError, GraphQLSchema } from 'graphql'
import { LRUCache } from 'lru-cache'
import { maxTokens } from '../graphql/document-limits.ts'
import { compileCosts, type CompiledCosts } from '../graphql/operation-cost.ts'
import { readDocument } from '../graphql/read-document.ts'
import type { Profile } from './profile.ts'

/** Of memory for documents that have been read. */
const maxCachedBytes = 32 * 1024 ** 2
/** As measured: tokens with the nodes made of them, and fields with their compiled cost and two plans. */
const bytesPerToken = 350
const bytesPerField = 450 + 2 * 900

/** A document that may be executed, and what its operations cost. */
interface PreparedDocument extends Pick<CompiledCosts, 'costs'> {
  document: DocumentNode
}

type Prepared = PreparedDocument | { errors: readonly GraphQLError[] }

export type PrepareOperation = (query: string) => Prepared

/** Parses, validates and prices a document; the outcome is remembered by its text. */
export function createPrepareOperation(schema: GraphQLSchema, profile: Profile): PrepareOperation {
  const prepared = new LRUCache<string, { result: Prepared; bytes: number }>({
    maxSize: maxCachedBytes,
    sizeCalculation: ({ bytes }) => bytes,
  })
  return (query) => {
    let known = prepared.get(query)
    if (!known) {
      known = prepare(schema, profile, query)
      prepared.set(query, known)
    }
    return known.result
  }
}

function prepare(
  schema: GraphQLSchema,
  { showsSchema }: Profile,
  query: string,
): { result: Prepared; bytes: number } {
  const result = readDocument(schema, query, { showsSchema })
  // Errors keep the document they are about.
  const most = Math.min(query.length, maxTokens)
  if ('errors' in result) return { result, bytes: bytesOf(query, most, 0) }
  const { document } = result
  const { costs, size } = compileCosts(schema, document)
  const bytes = bytesOf(query, document.tokenCount ?? most, size)
  return { result: { document, costs }, bytes }
}

function bytesOf(query: string, tokens: number, fields: number): number {
  return 1_000 + 2 * query.length + bytesPerToken * tokens + bytesPerField * fields
}
