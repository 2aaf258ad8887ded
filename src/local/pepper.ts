import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writeOnce } from './write-once.ts'

/**
 * What the secrets of this data directory's API keys are hashed with, made when there is none. Whoever
 * loses it makes every API key void.
 */
export async function ensurePepper(dataDir: string): Promise<string> {
  const file = join(dataDir, 'api-key-hash-secret')
  await writeOnce(file, randomBytes(32).toString('base64url'))
  return readFile(file, 'utf8')
}
