import { exportPKCS8, generateKeyPair, type CryptoKey, jwtVerify } from 'jose'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { newId } from '../../src/lib/id.ts'
import type { KeyManagerOptions } from '../../src/platform/key-manager.ts'
import { openSealed, sealWith, toSecretKey } from '../../src/platform/seal.ts'
import { watchSecret } from './canaries.ts'
import { temporaryDirectory } from './program.ts'

/** Google Cloud KMS, as far as the gateway uses it, with two switches. */
export interface Kms extends AsyncDisposable {
  masterKeys: Required<Pick<KeyManagerOptions, 'kms'>>
  /** The same for programs. */
  env: Record<string, string>
  calls: number
  /** Before each answer. */
  delayMs: number
  /** Answers this instead, when it is not 200. */
  status: number
}

const account = 'gateway@test.iam.gserviceaccount.com'

export async function startKms(): Promise<Kms> {
  await using opened = new AsyncDisposableStack()
  const { path } = opened.use(await temporaryDirectory())
  const { publicKey, privateKey } = await generateKeyPair('RS256', { extractable: true })
  const credentialsFile = join(path, 'account.json')
  const credentials = {
    client_email: account,
    private_key_id: 'test',
    private_key: await exportPKCS8(privateKey),
  }
  await writeFile(credentialsFile, JSON.stringify(credentials))
  const keyName = `projects/p/locations/l/keyRings/r/cryptoKeys/${newId()}`
  const server = createServer((request, response) => {
    answer(kms, { publicKey, keyName, key }, request)
      .catch((error: unknown) => ({ status: 500, body: { error: { message: String(error) } } }))
      .then(({ status, body }) => response.writeHead(status).end(JSON.stringify(body)))
      .catch(() => response.destroy())
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  opened.defer(async () => {
    server.close()
    server.closeAllConnections()
    await once(server, 'close')
  })
  const key = toSecretKey(randomBytes(32))
  const apiUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const owned = opened.move()
  const kms: Kms = {
    masterKeys: { kms: { keyName, apiUrl, credentialsFile, timeoutMs: 1_000 } },
    env: {
      KMS_KEY_NAME: keyName,
      KMS_API_URL: apiUrl,
      GOOGLE_APPLICATION_CREDENTIALS: credentialsFile,
    },
    calls: 0,
    delayMs: 0,
    status: 200,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
  return kms
}

interface Held {
  publicKey: CryptoKey
  keyName: string
  key: ReturnType<typeof toSecretKey>
}

interface Asked {
  plaintext?: string
  ciphertext?: string
  additionalAuthenticatedData: string
}

async function answer(kms: Kms, { publicKey, keyName, key }: Held, request: IncomingMessage) {
  kms.calls++
  const asked = JSON.parse(Buffer.concat(await request.toArray()).toString()) as Asked
  await delay(kms.delayMs)
  // What it was sent, as some servers do.
  if (kms.status !== 200) return { status: kms.status, body: { error: { details: asked } } }
  const token = request.headers.authorization?.replace(/^Bearer /, '') ?? ''
  await jwtVerify(token, publicKey, {
    issuer: account,
    subject: account,
    audience: 'https://cloudkms.googleapis.com/',
  })
  const context = asked.additionalAuthenticatedData
  const { plaintext, ciphertext } = asked
  if (request.url === `/v1/${keyName}:encrypt` && plaintext !== undefined) {
    watchSecret(plaintext)
    const sealed = sealWith(key, Buffer.from(plaintext, 'base64'), context)
    return { status: 200, body: { ciphertext: Buffer.from(sealed).toString('base64') } }
  }
  if (request.url === `/v1/${keyName}:decrypt` && ciphertext !== undefined) {
    const sealed = Buffer.from(ciphertext, 'base64').toString()
    const plain = openSealed(key, sealed, context)
    return { status: 200, body: { plaintext: plain.toString('base64') } }
  }
  return { status: 404, body: {} }
}
