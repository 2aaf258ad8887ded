/** What became of one HTTP exchange of an SDK, known without reading its errors. */
export interface Exchange {
  readonly fetch: typeof fetch
  /** Null before the answer has begun. */
  readonly status: number | null
  readonly retryAfterMs: number | undefined
  /** The answer came to its end. */
  readonly complete: boolean
  /** It was broken off at the limit. */
  readonly tooLarge: boolean
}

/** An exchange that reads at most `maxBytes`, and tells the answer's status when it begins. */
export function createExchange(maxBytes: number, onStatus: (status: number) => void): Exchange {
  let status: number | null = null
  let retryAfterMs: number | undefined
  let bytes = 0
  let complete = false

  const counter = () =>
    new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        bytes += chunk.length
        if (bytes <= maxBytes) controller.enqueue(chunk)
        else controller.error(new Error(`answered more than ${maxBytes} bytes`))
      },
      flush() {
        complete = true
      },
    })

  return {
    async fetch(input, init) {
      // Elsewhere a redirect would take the key, which not every provider reads from Authorization.
      const response = await fetch(input, { ...init, redirect: 'error' })
      const { headers, body } = response
      status = response.status
      retryAfterMs = readRetryAfter(headers)
      onStatus(status)
      complete = body === null
      return new Response(body?.pipeThrough(counter()) ?? null, { status, headers })
    },
    get status() {
      return status
    },
    get retryAfterMs() {
      return retryAfterMs
    },
    get complete() {
      return complete
    },
    get tooLarge() {
      return bytes > maxBytes
    },
  }
}

/** A longer pause is asked about again. */
const longestPauseMs = 60_000

/** RFC 9110 §10.2.3, a number of seconds or an HTTP date; before it, the vendors' finer header. */
function readRetryAfter(headers: Headers): number | undefined {
  const exact = headers.get('retry-after-ms')
  const header = headers.get('retry-after')
  const ms = exact !== null ? Number(exact) : header === null ? Number.NaN : readPause(header)
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), longestPauseMs)
}

function readPause(header: string): number {
  return /^\d+(\.\d+)?$/.test(header) ? Number(header) * 1_000 : Date.parse(header) - Date.now()
}
