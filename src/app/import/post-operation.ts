import { z } from 'zod'
import { ImportStopped, RetryLater } from './persistence.ts'

/** The server will not run this operation, now or later: its input is at fault, or a bug is. */
export class OperationRefused extends Error {
  override readonly name = 'OperationRefused'
}

export interface Endpoint {
  url: string
  token: string
  fetch: typeof fetch
  signal: AbortSignal
}

/** Longer than the server's own deadline: past it, no answer will come. */
const answerTimeoutMs = 30_000

interface HttpAnswer {
  status: number
  headers: Headers
  text: string
}

/**
 * The data of one GraphQL operation. Throws RetryLater, OperationRefused, ImportStopped, or the
 * signal's reason.
 */
export async function postOperation(
  endpoint: Endpoint,
  query: string,
  variables: object,
): Promise<unknown> {
  return readData(await post(endpoint, JSON.stringify({ query, variables })))
}

async function post({ url, token, fetch, signal }: Endpoint, body: string): Promise<HttpAnswer> {
  signal.throwIfAborted()
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        accept: 'application/graphql-response+json, application/json',
      },
      body,
      signal: AbortSignal.any([signal, AbortSignal.timeout(answerTimeoutMs)]),
    })
    const { status, headers } = response
    return { status, headers, text: await response.text() }
  } catch (error) {
    signal.throwIfAborted()
    throw new RetryLater(`no answer from ${url} (${codeOf(error)})`)
  }
}

/** `fetch` hides what happened in the cause of a TypeError. */
function codeOf(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error
  if (!(cause instanceof Error)) return String(cause)
  return 'code' in cause && typeof cause.code === 'string' ? cause.code : cause.message
}

const graphqlAnswer = z.object({
  data: z.unknown().optional(),
  errors: z
    .array(
      z.object({
        message: z.string(),
        extensions: z
          .object({ code: z.string().optional(), retryAfterMs: z.number().optional() })
          .optional(),
      }),
    )
    .optional(),
})

/** Codes of `errors[]` that a repeat may cure even when they name no time. */
const passing = new Set(['SERVICE_UNAVAILABLE', 'CONTENT_STORE_UNAVAILABLE', 'DEADLINE_EXCEEDED'])
/** With these, every further call would fail the same way. */
const hopeless = new Set(['UNAUTHENTICATED', 'FORBIDDEN'])

function readData({ status, headers, text }: HttpAnswer): unknown {
  const answer = graphqlAnswer.safeParse(parseJson(text)).data
  const [error] = answer?.errors ?? []
  const { code = '', retryAfterMs } = error?.extensions ?? {}
  if (status === 429 || status >= 502 || passing.has(code) || retryAfterMs !== undefined) {
    const seconds = Number(headers.get('retry-after'))
    const asked = retryAfterMs ?? (seconds > 0 ? seconds * 1_000 : 0)
    throw new RetryLater(error?.message ?? `the server answered ${status}`, asked)
  }
  if (hopeless.has(code)) throw new ImportStopped(error?.message ?? code)
  // A gateway says in the same shape that there is none here.
  if (error && status !== 404) throw new OperationRefused(error.message)
  if (answer?.data === undefined) {
    throw new ImportStopped(`the answer (${status}) is not one of a GraphQL endpoint`)
  }
  return answer.data
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
