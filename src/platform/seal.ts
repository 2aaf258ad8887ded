import {
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  type KeyObject,
  randomBytes,
} from 'node:crypto'

/** The first characters of every sealed text: lets the format change while old ones still open. */
const version = 'v1.'
const algorithm = 'aes-256-gcm'
/** NIST SP 800-38D §8.2.2: random nonces of 96 bits are good for 2^32 sealings under one key. */
const nonceBytes = 12
const tagBytes = 16

/** Takes the bytes over, and leaves zeros; the key shows nothing of them when it is printed. */
export function toSecretKey(bytes: Buffer): KeyObject {
  const key = createSecretKey(bytes)
  bytes.fill(0)
  return key
}

/** AES-256-GCM: nonce, ciphertext and tag in base64url. `context` is authenticated, not stored. */
export function sealWith(key: KeyObject, plain: Buffer, context: string): string {
  const nonce = randomBytes(nonceBytes)
  const cipher = createCipheriv(algorithm, key, nonce, { authTagLength: tagBytes })
  cipher.setAAD(Buffer.from(version + context))
  const parts = [nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]
  return version + Buffer.concat(parts).toString('base64url')
}

/** Throws an Error for whatever is not, to the bit, what was sealed with this key and context. */
export function openSealed(key: KeyObject, sealed: string, context: string): Buffer {
  const bytes = Buffer.from(sealed.slice(version.length), 'base64url')
  // Base64url spells some bytes in more than one way.
  const isCanonical = version + bytes.toString('base64url') === sealed
  if (!isCanonical || bytes.length < nonceBytes + tagBytes) throw doesNotOpen()
  const nonce = bytes.subarray(0, nonceBytes)
  const decipher = createDecipheriv(algorithm, key, nonce, { authTagLength: tagBytes })
  decipher.setAAD(Buffer.from(version + context))
  decipher.setAuthTag(bytes.subarray(-tagBytes))
  const plain = decipher.update(bytes.subarray(nonceBytes, -tagBytes))
  try {
    return Buffer.concat([plain, decipher.final()])
  } catch {
    throw doesNotOpen()
  }
}

function doesNotOpen(): Error {
  return new Error('A sealed text does not open: it was altered, or belongs elsewhere.')
}
