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
      operationName: (name: unknown) => (typeof name === 'string' ? withoutSecrets(name) : name),
    },
    redact: {
      paths: secretNames.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]),
      censor: '[redacted]',
    },
  }
  return destination ? pino(options, destination) : pino(options)
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
