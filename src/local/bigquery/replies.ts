import type { Reply } from '../exchange.ts'

/** One entry of an error list, as the API shows it. */
export interface ErrorProto {
  reason: string
  message: string
  location?: string
}

/** What went wrong, with the HTTP status that says so when it is noticed before there is a job. */
export class Refusal extends Error {
  readonly status: number
  readonly proto: ErrorProto

  constructor(status: number, reason: string, message: string, location?: string) {
    super(message)
    this.status = status
    this.proto = { reason, message, ...(location !== undefined && { location }) }
  }

  get reply(): Reply {
    return { status: this.status, body: JSON.stringify(errorBody(this.status, this.proto)) }
  }
}

const statusNames: Readonly<Record<number, string>> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  409: 'ALREADY_EXISTS',
  429: 'RESOURCE_EXHAUSTED',
  501: 'UNIMPLEMENTED',
  503: 'UNAVAILABLE',
}

/** https://cloud.google.com/bigquery/docs/error-messages */
function errorBody(code: number, proto: ErrorProto) {
  const { message } = proto
  const status = statusNames[code] ?? 'INTERNAL'
  return { error: { code, message, errors: [{ ...proto, domain: 'global' }], status } }
}

const usualReasons: Readonly<Record<number, readonly [reason: string, message: string]>> = {
  400: ['invalid', 'The request is invalid.'],
  401: ['authError', 'Request had invalid authentication credentials.'],
  403: ['accessDenied', 'Access Denied: User does not have permission for this.'],
  404: ['notFound', 'Not found.'],
  429: ['rateLimitExceeded', 'Exceeded rate limits.'],
  503: ['backendError', 'Error encountered during execution. Retrying may solve the problem.'],
}

const internalError = [
  'internalError',
  'An internal error occurred and the request could not be completed.',
] as const

/** What a fault switch answers with when only the status was given. */
export function wordFault(status: number) {
  const [reason, message] = usualReasons[status] ?? internalError
  return errorBody(status, { reason, message })
}

export function ok(value: unknown): Reply {
  return { status: 200, body: JSON.stringify(value) }
}

export const unauthenticated = () =>
  new Refusal(
    401,
    'authError',
    'Request had invalid authentication credentials. Expected OAuth 2 access token, login ' +
      'cookie or other valid authentication credential.',
    'Authorization',
  )

export const invalid = (message: string, location?: string) =>
  new Refusal(400, 'invalid', message, location)

export const invalidQuery = (message: string) => new Refusal(400, 'invalidQuery', message, 'query')

/** What the real service may well do and this one does not. */
export const unsupported = (what: string) =>
  new Refusal(400, 'invalidQuery', `The local stand-in for BigQuery does not support ${what}`)

export const notFound = (what: string) => new Refusal(404, 'notFound', `Not found: ${what}`)

export const duplicate = (what: string) => new Refusal(409, 'duplicate', `Already Exists: ${what}`)
