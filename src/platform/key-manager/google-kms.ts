import { z } from 'zod'
import { KeyServiceUnavailableError, UpstreamError } from '../../lib/errors.ts'
import { createHttp, StatusError } from '../http.ts'
import type { KeyManager } from './manager.ts'
import { createGoogleToken, type GoogleTokenOptions } from './google-token.ts'

export interface GoogleKmsOptions extends GoogleTokenOptions {
  /** `projects/…/locations/…/keyRings/…/cryptoKeys/…`, without a version: KMS knows which wraps. */
  keyName: string
  apiUrl: string
  timeoutMs?: number
}

export const kmsKeyName = /^projects\/[^/]+\/locations\/[^/]+\/keyRings\/[^/]+\/cryptoKeys\/[^/]+$/

const encrypted = z.object({ ciphertext: z.base64() })
const decrypted = z.object({ plaintext: z.base64() })

/** Cloud Key Management Service (REST v1, cryptoKeys.encrypt and .decrypt). */
export async function createGoogleKms(options: GoogleKmsOptions): Promise<KeyManager> {
  const { keyName, apiUrl, timeoutMs = 3_000 } = options
  await using opened = new AsyncDisposableStack()
  const http = opened.use(
    createHttp({ neighbour: 'Cloud KMS', origin: new URL(apiUrl).origin, timeoutMs }),
  )
  const token = opened.use(await createGoogleToken(options))

  async function call<T>(path: string, body: object, answer: z.ZodType<T>): Promise<T> {
    try {
      const headers = { authorization: `Bearer ${await token.get()}` }
      const json = await http.json({ method: 'POST', path, headers, body, effect: 'none' })
      return answer.parse(json)
    } catch (error) {
      throw asUnavailable(error)
    }
  }
  const toBase64 = (context: string) => Buffer.from(context).toString('base64')
  const owned = opened.move()
  return {
    currentKey: keyName,
    async wrap(plain, context) {
      const plaintext = plain.toString('base64')
      const body = { plaintext, additionalAuthenticatedData: toBase64(context) }
      const { ciphertext } = await call(`/v1/${keyName}:encrypt`, body, encrypted)
      return { masterKey: keyName, wrapped: ciphertext }
    },
    async unwrap({ masterKey, wrapped }, context) {
      if (!kmsKeyName.test(masterKey)) {
        throw new KeyServiceUnavailableError(`the master key ${masterKey} is not of Cloud KMS`)
      }
      const body = { ciphertext: wrapped, additionalAuthenticatedData: toBase64(context) }
      const { plaintext } = await call(`/v1/${masterKey}:decrypt`, body, decrypted)
      return Buffer.from(plaintext, 'base64')
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

/** What failed, in our own words: an answer of a key service is quoted nowhere. */
function asUnavailable(error: unknown): KeyServiceUnavailableError {
  if (!(error instanceof UpstreamError)) {
    return new KeyServiceUnavailableError('Cloud KMS: not the answer it should be')
  }
  const status = error.cause instanceof StatusError ? ` (status ${error.cause.status})` : ''
  const reason = `${error.neighbour}: ${error.failure}${status}`
  return new KeyServiceUnavailableError(reason, error.retryAfterMs)
}
