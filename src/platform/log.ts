import pino, { type DestinationStream, type Logger } from 'pino'
import { withoutSecrets } from '../lib/without-secrets.ts'

export type Log = Logger

/** Names of what might carry a credential, at any of the first three levels. */
const secretNames = [
  'authorization',
  'Authorization',
  'apiKey',
  'password',
  'token',
  'secret',
  'sealedSecret',
  'connectionParams',
  'headers',
]

/** Structured lines, on stdout unless told otherwise. Whatever might carry a credential is cut out by name. */
export function createLog(level: string, destination?: DestinationStream): Log {
  const options: pino.LoggerOptions = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    serializers: {
      err: (error: unknown) => describeError(error),
      // A client's own words.
      operationName: (name: unknown) =>
        typeof name === 'string' ? withoutSecrets(name).slice(0, maxNameLength) : name,
    },
    redact: {
      paths: secretNames.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]),
      censor: '[redacted]',
    },
    hooks: { streamWrite: presentable },
  }
  return destination ? pino(options, destination) : pino(options)
}

/** A collector cuts longer lines in two, or drops them. */
const maxLineBytes = 8 * 1024
const maxNameLength = 100

/** Beyond ASCII: what ends a line, moves the cursor or turns the direction of a text. JSON escapes the rest. */
const unsafe = /[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g

/** A line that is one line wherever it is shown, and no longer than it may be. */
function presentable(line: string): string {
  const escaped = escapeUnsafe(line)
  return Buffer.byteLength(escaped) <= maxLineBytes ? escaped : escapeUnsafe(shortened(line))
}

function escapeUnsafe(line: string): string {
  const escape = (character: string) =>
    `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  return line.replace(unsafe, escape)
}

/** What finds its fellows, and the beginning of what it said: few characters, for each may be escaped. */
function shortened(line: string): string {
  const { level, time, msg, requestId } = JSON.parse(line) as Record<string, unknown>
  const kept = { level, time, requestId, msg: String(msg).slice(0, 500) }
  return `${JSON.stringify({ ...kept, characters: line.length, beginning: line.slice(0, 600) })}\n`
}

const maxCauses = 5

/**
 * An error by what identifies it. Whatever else hangs on it (a request, the row a constraint refused,
 * the text a parser stumbled over) may be anybody's secret and stays out.
 */
function describeError(error: unknown, depth = 0): object {
  if (!(error instanceof Error)) return { type: typeof error }
  const { name, message, stack = '', cause } = error
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined
  return {
    type: name,
    message: withoutQuotation(error, message),
    ...(code !== undefined && { code }),
    stack: stack
      .split('\n')
      .filter((line) => line.trimStart().startsWith('at '))
      .join('\n'),
    ...(cause !== undefined && depth < maxCauses && { cause: describeError(cause, depth + 1) }),
  }
}

/** `JSON.parse` quotes what it could not read. */
function withoutQuotation(error: Error, message: string): string {
  return error instanceof SyntaxError ? message.replace(/"[^]*"/, '…') : message
}
