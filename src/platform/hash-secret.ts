import { createHmac } from 'node:crypto'

/** HMAC-SHA-256 of a secret under this installation's pepper, in hex: all that is kept of it. */
export type HashSecret = (secret: string) => string

/**
 * Whoever reads the database alone, or a backup of it, has nothing to try guesses on. With another pepper
 * every secret that was hashed before is void.
 */
export function createHashSecret(pepper: string): HashSecret {
  return (secret) => createHmac('sha256', pepper).update(secret).digest('hex')
}
