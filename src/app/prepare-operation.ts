import {
  type DocumentNode,
  GraphQLError,
  type GraphQLSchema,
  parse,
  specifiedRules,
  validate,
} from 'graphql'
import { LRUCache } from 'lru-cache'
import { badUserInput } from '../graphql/bad-user-input.ts'
import { isNestedTooDeep } from '../graphql/document-nesting.ts'
import { maxErrors } from '../graphql/present-error.ts'

/** More tokens than any real operation has; bounds what parsing and validation can cost. */
const maxTokens = 2_000
/** Characters of query text whose parsed form is kept. */
const maxCachedText = 4 * 1024 ** 2

type Prepared = { document: DocumentNode } | { errors: readonly GraphQLError[] }

export type PrepareOperation = (query: string) => Prepared

/** Parses and validates a document; the outcome is remembered by its text. */
export function createPrepareOperation(schema: GraphQLSchema): PrepareOperation {
  const prepared = new LRUCache<string, Prepared>({
    maxSize: maxCachedText,
    sizeCalculation: (_value, query) => query.length + 1,
  })
  return (query) => {
    let result = prepared.get(query)
    if (!result) {
      result = prepare(schema, query)
      prepared.set(query, result)
    }
    return result
  }
}

function prepare(schema: GraphQLSchema, query: string): Prepared {
  if (isNestedTooDeep(query)) return { errors: [badUserInput('The document nests too deep.')] }
  try {
    const document = parse(query, { maxTokens })
    const errors = validate(schema, document, specifiedRules, { maxErrors })
    return errors.length > 0 ? { errors } : { document }
  } catch (error) {
    if (error instanceof GraphQLError) return { errors: [error] }
    throw error
  }
}
