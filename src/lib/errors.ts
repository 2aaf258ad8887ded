/** The codes clients may branch on; the schema's `ErrorCode` enum is made from this list. */
export const errorCodes = [
  'VALIDATION',
  'NOT_FOUND',
  'FORBIDDEN',
  'UNAUTHENTICATED',
  'CONFLICT',
  'QUOTA_EXCEEDED',
  'STORAGE_UNAVAILABLE',
  'IDEMPOTENCY_MISMATCH',
  'IDEMPOTENCY_IN_PROGRESS',
  'GENERATION_LIMIT_EXCEEDED',
  'CONCURRENCY_LIMIT',
  'JOB_NOT_CANCELLABLE',
  'KEY_SERVICE_UNAVAILABLE',
] as const

export type ErrorCode = (typeof errorCodes)[number]

/** An expected failure: a type in the schema, never masked, never logged as a bug. */
export abstract class DomainError extends Error {
  abstract readonly code: ErrorCode
  /** Where in the input, e.g. `['input', 'title']`; absent when the whole operation is meant. */
  readonly path: readonly string[] | undefined

  constructor(message: string, options: { path?: readonly string[]; cause?: unknown } = {}) {
    super(message, { cause: options.cause })
    this.name = new.target.name
    this.path = options.path?.length ? options.path : undefined
  }
}

export interface FieldIssue {
  path: readonly string[]
  code: string
  message: string
}

export class ValidationError extends DomainError {
  readonly code: ErrorCode
  readonly issues: readonly FieldIssue[]

  constructor(issues: readonly FieldIssue[], code: ErrorCode = 'VALIDATION') {
    super(issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; '), {
      ...(issues[0] && { path: issues[0].path }),
    })
    this.code = code
    this.issues = issues
  }
}

/** Foreign and missing ids are indistinguishable: both are this. */
export class NotFoundError extends DomainError {
  readonly code = 'NOT_FOUND'
  /** The id as the client sent it. */
  readonly id: string | undefined

  constructor(what: string, options: { id?: string; path?: readonly string[] } = {}) {
    super(`${what} not found. Check the id; what is there may also be out of your reach.`, options)
    this.id = options.id
  }
}

export class ForbiddenError extends DomainError {
  readonly code = 'FORBIDDEN'
  readonly requiredScopes: readonly string[]

  constructor(message: string, requiredScopes: readonly string[] = []) {
    super(message)
    this.requiredScopes = requiredScopes
  }
}

/** Another write came first; nothing was changed. */
export class ConflictError extends DomainError {
  readonly code = 'CONFLICT'
  /** Null when what was in the way has gone again. */
  readonly contentId: string | null
  readonly currentVersion: number

  constructor(
    message: string,
    current: { contentId: string | null; version: number },
    path: readonly string[] = [],
  ) {
    super(message, { path })
    this.contentId = current.contentId
    this.currentVersion = current.version
  }
}

/** The tenant has as many unfinished jobs of a kind as it may (E-153); nothing was changed. */
export class ConcurrencyLimitError extends DomainError {
  readonly code = 'CONCURRENCY_LIMIT'
  readonly limit: number
  readonly running: number

  constructor(limit: number, running: number, advice = 'Wait for one of them, or cancel one.') {
    super(`${running} jobs are not over yet, and ${limit} are allowed at a time. ${advice}`)
    this.limit = limit
    this.running = running
  }
}

/** A store cannot take the write now. */
export class StorageUnavailableError extends DomainError {
  readonly code = 'STORAGE_UNAVAILABLE'
  readonly store: 'zerodb' | 'postgres'
  readonly retryAfterSeconds: number

  constructor(cause: UpstreamError, outcome: 'unchanged' | 'unknown' = 'unchanged') {
    const advice =
      outcome === 'unchanged'
        ? 'Nothing was changed; try again.'
        : 'It is not known whether the write happened; repeat it with the same idempotencyKey.'
    super(`The store cannot take this write right now. ${advice}`, { cause })
    this.store = cause.neighbour === 'ZeroDB' ? 'zerodb' : 'postgres'
    this.retryAfterSeconds = Math.ceil((cause.retryAfterMs ?? 1_000) / 1_000)
  }
}

/** Without the service that guards the master key no secret can be kept or used; there is no way around it. */
export class KeyServiceUnavailableError extends DomainError {
  readonly code = 'KEY_SERVICE_UNAVAILABLE'
  /** For the log; never for clients. */
  readonly reason: string
  readonly retryAfterSeconds: number

  /** Without a cause: what a key service answers may be a key. */
  constructor(reason: string, retryAfterMs = 1_000) {
    super('Secrets cannot be kept or used right now. Nothing was changed; try again.')
    this.reason = reason
    this.retryAfterSeconds = Math.ceil(retryAfterMs / 1_000)
  }
}

/** What is known about a call that failed; decides who may repeat it and what a caller is told. */
export type UpstreamFailure =
  /** No connection, 5xx, breaker open. */
  | 'unavailable'
  /** Our deadline passed first. */
  | 'timeout'
  /** 429: the neighbour asks for a pause. */
  | 'throttled'
  /** Our own queue towards the neighbour is full. */
  | 'overloaded'
  /** 4xx: our request or our credentials are wrong. */
  | 'rejected'
  /** An answer that is not what the protocol says. */
  | 'malformed'

/** A neighbour failed. The message is for our log; no upstream text ever reaches a client. */
export class UpstreamError extends Error {
  override readonly name = 'UpstreamError'
  /** `ZeroDB`, `PostgreSQL` or `identity provider`. */
  readonly neighbour: string
  readonly failure: UpstreamFailure
  /** When a repeat has a chance, in milliseconds from now. */
  readonly retryAfterMs: number | undefined
  /** False when the request surely changed nothing there, e.g. it was never sent. */
  readonly mayHaveApplied: boolean

  constructor(
    neighbour: string,
    failure: UpstreamFailure,
    message: string,
    options: { retryAfterMs?: number; mayHaveApplied?: boolean; cause?: unknown } = {},
  ) {
    super(`${neighbour}: ${message}`, { cause: options.cause })
    this.neighbour = neighbour
    this.failure = failure
    this.retryAfterMs = options.retryAfterMs
    this.mayHaveApplied = options.mayHaveApplied ?? false
  }
}

/** For `catch`: a store that is away is an expected failure; everything else goes on as it is. */
export function asStorageUnavailable(error: unknown): never {
  if (!(error instanceof UpstreamError)) throw error
  throw new StorageUnavailableError(error, error.mayHaveApplied ? 'unknown' : 'unchanged')
}

/** The operator gave us something we cannot start with. `lines` say what is wrong and what to do. */
export class StartupError extends Error {
  override readonly name = 'StartupError'
  readonly exitCode: number

  constructor(lines: readonly string[], exitCode = 1) {
    super(lines.join('\n'))
    this.exitCode = exitCode
  }
}
