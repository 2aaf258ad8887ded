import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { writeOnce } from './write-once.ts'

/**
 * The file of master keys of this data directory, made with one key when there is none: a stand-in for
 * a key service. Whoever loses it loses every secret that was kept. Answers its path.
 */
export async function ensureMasterKeys(dataDir: string): Promise<string> {
  const file = join(dataDir, 'master-keys.json')
  const current = new Date().toISOString().slice(0, 10)
  const keys = { [current]: randomBytes(32).toString('base64') }
  await writeOnce(file, JSON.stringify({ current, keys }, null, 2))
  return file
}
