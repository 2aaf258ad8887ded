import { importPKCS8, SignJWT } from 'jose'
import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import { StartupError } from '../../lib/errors.ts'
import { createHttp } from '../http.ts'

export interface GoogleTokenOptions {
  /** The path of a service account's key file; without one the metadata server is asked. */
  credentialsFile?: string
  metadataUrl?: string
}

/** Answers a bearer token for Google's interfaces; throws UpstreamError. */
interface GoogleToken extends AsyncDisposable {
  get(): Promise<string>
}

const algorithm = 'RS256'
const audience = 'https://cloudkms.googleapis.com/'
const lifetimeSeconds = 3_600
/** A token that ends so soon is not used any more. */
const marginMs = 60_000

const account = z.object({
  client_email: z.string(),
  private_key_id: z.string(),
  private_key: z.string(),
})
const issued = z.object({ access_token: z.string(), expires_in: z.number() })

export async function createGoogleToken(options: GoogleTokenOptions): Promise<GoogleToken> {
  const { credentialsFile, metadataUrl = 'http://metadata.google.internal' } = options
  const source =
    credentialsFile === undefined ? askMetadata(metadataUrl) : await signOurselves(credentialsFile)
  let kept: { token: string; endsAt: number } | undefined
  return {
    async get() {
      if (!kept || kept.endsAt - marginMs < Date.now()) {
        const { token, seconds } = await source.issue()
        kept = { token, endsAt: Date.now() + seconds * 1_000 }
      }
      return kept.token
    },
    [Symbol.asyncDispose]: () => source[Symbol.asyncDispose](),
  }
}

interface TokenSource extends AsyncDisposable {
  issue(): Promise<{ token: string; seconds: number }>
}

/** "Service account authorization without OAuth": a token that we sign is taken as it is. */
async function signOurselves(file: string): Promise<TokenSource> {
  const { client_email: email, private_key_id: keyId, key } = await readAccount(file)
  return {
    async issue() {
      const token = await new SignJWT()
        .setProtectedHeader({ alg: algorithm, kid: keyId, typ: 'JWT' })
        .setIssuer(email)
        .setSubject(email)
        .setAudience(audience)
        .setIssuedAt()
        .setExpirationTime(`${lifetimeSeconds}s`)
        .sign(key)
      return { token, seconds: lifetimeSeconds }
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}

async function readAccount(file: string) {
  try {
    const found = account.parse(JSON.parse(await readFile(file, 'utf8')))
    return { ...found, key: await importPKCS8(found.private_key, algorithm) }
  } catch {
    // Whatever is wrong with it, a message might quote it.
    throw new StartupError(
      [`GOOGLE_APPLICATION_CREDENTIALS="${file}" is not the key file of a service account.`],
      2,
    )
  }
}

/** On Google's machines: the account that the machine runs as. */
function askMetadata(origin: string): TokenSource {
  const http = createHttp({ neighbour: 'metadata server', origin, timeoutMs: 2_000 })
  const path = '/computeMetadata/v1/instance/service-accounts/default/token'
  const headers = { 'metadata-flavor': 'Google' }
  return {
    async issue() {
      const answer = await http.json({ method: 'GET', path, headers, effect: 'none' })
      const { access_token: token, expires_in: seconds } = issued.parse(answer)
      return { token, seconds }
    },
    [Symbol.asyncDispose]: () => http[Symbol.asyncDispose](),
  }
}
