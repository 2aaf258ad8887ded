/** What programs read, by the status that goes with it. */
const codes: Readonly<Record<number, string>> = {
  401: 'UNAUTHENTICATED',
  403: 'FORBIDDEN',
  404: 'NOT_FOUND',
  405: 'METHOD_NOT_ALLOWED',
  406: 'NOT_ACCEPTABLE',
  408: 'REQUEST_TIMEOUT',
  413: 'PAYLOAD_TOO_LARGE',
  415: 'UNSUPPORTED_MEDIA_TYPE',
  417: 'EXPECTATION_FAILED',
  429: 'TOO_MANY_CONNECTIONS',
  431: 'HEADERS_TOO_LARGE',
  500: 'INTERNAL_SERVER_ERROR',
  503: 'SERVICE_UNAVAILABLE',
}

/** A request that is answered with a status of its own, before GraphQL has a say. */
export class HttpError extends Error {
  override readonly name = 'HttpError'
  readonly status: number
  readonly headers: Readonly<Record<string, string>>

  constructor(status: number, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message)
    this.status = status
    this.headers = headers
  }
}

/** It is not looked at: who answers it would teach clients to send keys where logs keep them. */
export const keyInAddress =
  'There is an API key in the address, where logs keep it. Rotate it, and send it as a header: "Authorization: Bearer …".'

/** The body of such an answer, in the shape of a GraphQL error. */
export function errorBody(status: number, message: string): object {
  const code = codes[status] ?? 'BAD_REQUEST'
  return { errors: [{ message, extensions: { code } }] }
}
