import { GraphQLError } from 'graphql'
import { InvalidCursorError } from '../lib/cursor.ts'
import { DomainError, ForbiddenError, UpstreamError } from '../lib/errors.ts'
import { withoutSecrets } from '../lib/without-secrets.ts'

/** More tell a client nothing new, and an answer must not outgrow its question. */
export const maxErrors = 20
const maxMessageLength = 300
/** Places in the document that an error points to. */
const maxPlaces = 5

/**
 * The error as a client may see it: our own messages as they are, a neighbour's failure as a code
 * and a time to wait, a bug as nothing but a code. Values a client sent are never sent back: they
 * may be secrets, or a megabyte.
 */
export function presentError(error: GraphQLError): GraphQLError {
  const { message, extensions } = describe(error)
  return new GraphQLError(message.slice(0, maxMessageLength), {
    nodes: error.nodes?.slice(0, maxPlaces) ?? null,
    source: error.source ?? null,
    positions: error.positions?.slice(0, maxPlaces) ?? null,
    path: error.path ?? null,
    extensions,
  })
}

/** Neither the client's fault nor a neighbour's: something for the log. */
export function isBug(error: GraphQLError): boolean {
  return describe(error).extensions['code'] === 'INTERNAL_SERVER_ERROR'
}

interface Description {
  message: string
  extensions: Record<string, unknown>
}

function describe(error: GraphQLError): Description {
  const cause = causeOf(error)
  if (cause instanceof GraphQLError && !isUnfit(error, cause)) {
    return {
      message: withoutSecrets(withoutValues(error)),
      extensions: { code: 'BAD_USER_INPUT', ...error.extensions },
    }
  }
  if (cause instanceof InvalidCursorError) {
    return { message: cause.message, extensions: { code: 'BAD_USER_INPUT' } }
  }
  if (cause instanceof ForbiddenError) {
    const { message, code, requiredScopes } = cause
    return { message, extensions: { code, requiredScopes } }
  }
  if (cause instanceof DomainError) {
    return { message: cause.message, extensions: { code: cause.code } }
  }
  if (cause instanceof UpstreamError) return describeUpstream(cause)
  if (cause instanceof DOMException) {
    return {
      message: 'This took longer than the time allowed.',
      extensions: { code: 'DEADLINE_EXCEEDED' },
    }
  }
  return {
    message: 'Something went wrong on our side.',
    extensions: { code: 'INTERNAL_SERVER_ERROR' },
  }
}

function causeOf(error: Error): Error {
  const inner = error instanceof GraphQLError ? error.originalError : undefined
  return inner ? causeOf(inner) : error
}

/**
 * Whether graphql-js complains in the midst of executing about what a resolver gave it, which is our fault.
 * Errors that we make ourselves have a code; about arguments the client is told.
 */
function isUnfit({ path }: GraphQLError, { message, extensions }: GraphQLError): boolean {
  return path !== undefined && extensions['code'] === undefined && !message.startsWith('Argument "')
}

/** Where bodies and history entries are. */
const contentStores = new Set(['ZeroDB', 'recovery copy'])

function describeUpstream(error: UpstreamError): Description {
  const { neighbour, failure, retryAfterMs = 1_000 } = error
  if (contentStores.has(neighbour)) {
    return {
      message: 'The content store is not available right now.',
      extensions: { code: 'CONTENT_STORE_UNAVAILABLE', retryAfterMs },
    }
  }
  if (failure === 'overloaded') {
    return {
      message: 'There is too much to do right now. Try again later.',
      extensions: { code: 'OVERLOADED', retryAfterMs },
    }
  }
  return {
    message: 'The service is not available right now.',
    extensions: { code: 'SERVICE_UNAVAILABLE', retryAfterMs },
  }
}

/** Sentences of graphql-js about values that quote none of them. */
const harmless =
  /Field "\w+" of required type "[^"]+" was not provided\.|Field "\w+" is not defined by type "\w+"\.|Expected type "\w+" to be an object\.|Expected non-nullable type "[^"]+" not to be null\.|Exactly one key must be specified for OneOf type "\w+"\./

/** graphql-js prints the value it could not coerce; this says where it stands instead. */
function withoutValues(error: GraphQLError): string {
  const variable = /^Variable "(\$\w+)" got invalid value/.exec(error.message)?.[1]
  if (variable !== undefined) {
    const place = / at "([\w.[\]]{1,200})"; /.exec(error.message)?.[1] ?? variable.slice(1)
    const own = error.originalError && strip(error.originalError.message)
    const reason = own ?? harmless.exec(error.message)?.[0] ?? 'It does not fit its type.'
    return `Variable "${variable}" is invalid at "${place}": ${reason}`
  }
  return strip(error.message)
}

/** What graphql-js says about a value, up to where it begins to quote it. */
function strip(message: string): string {
  return message
    .replace(/^(Expected value of type "[^"]+"), found [^]*$/, '$1.')
    .replace(/^((?:\w+|Enum "\w+") cannot represent [\w -]*value): [^]*$/, '$1.')
    .replace(/^Value [^]* does not exist in ("\w+" enum\.)[^]*$/, 'The value does not exist in $1')
}
