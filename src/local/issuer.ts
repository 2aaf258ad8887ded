import {
  exportJWK,
  exportPKCS8,
  generateKeyPair,
  importPKCS8,
  type JSONWebKeySet,
  SignJWT,
} from 'jose'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { newId } from '../lib/id.ts'

const algorithm = 'EdDSA'

const storedKey = z.object({ privateKey: z.string(), publicKey: z.record(z.string(), z.unknown()) })

/** Issues tokens where no identity provider is configured: for development, on this machine only. */
export interface LocalIssuer {
  issuer: string
  keys: JSONWebKeySet
  sign(claims: { subject: string; tenantId: string; audience: string }): Promise<string>
}

/** Opens the issuer of this data directory; its key survives restarts, so its tokens do too. */
export async function openIssuer(dataDir: string): Promise<LocalIssuer> {
  const { privateKey, publicKey } = await loadKey(join(dataDir, 'issuer.json'))
  const key = await importPKCS8(privateKey, algorithm)
  const issuer = 'content-gateway-local'
  return {
    issuer,
    keys: { keys: [{ ...publicKey, kty: 'OKP', alg: algorithm, use: 'sig', kid: 'local' }] },
    sign: ({ subject, tenantId, audience }) =>
      new SignJWT({ tenant_id: tenantId })
        .setProtectedHeader({ alg: algorithm, kid: 'local' })
        .setIssuer(issuer)
        .setAudience(audience)
        .setSubject(subject)
        .setIssuedAt()
        .setExpirationTime('12h')
        .sign(key),
  }
}

async function loadKey(file: string): Promise<z.infer<typeof storedKey>> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  return text === undefined ? createKey(file) : storedKey.parse(JSON.parse(text))
}

/** Written beside and renamed into place: whoever reads it finds all of it. */
async function createKey(file: string): Promise<z.infer<typeof storedKey>> {
  const pair = await generateKeyPair(algorithm, { extractable: true })
  const stored = {
    privateKey: await exportPKCS8(pair.privateKey),
    publicKey: { ...(await exportJWK(pair.publicKey)) },
  }
  await mkdir(join(file, '..'), { recursive: true })
  const draft = `${file}.${newId()}`
  await writeFile(draft, JSON.stringify(stored), { mode: 0o600 })
  await rename(draft, file)
  return stored
}
