import { randomBytes } from 'node:crypto'
import { link, mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { newId } from '../lib/id.ts'

/**
 * The file of master keys of this data directory, made with one key when there is none: a stand-in for
 * a key service. Whoever loses it loses every secret that was kept. Answers its path.
 */
export async function ensureMasterKeys(dataDir: string): Promise<string> {
  const file = join(dataDir, 'master-keys.json')
  await mkdir(dataDir, { recursive: true })
  const current = new Date().toISOString().slice(0, 10)
  const keys = { [current]: randomBytes(32).toString('base64') }
  const draft = `${file}.${newId()}`
  await writeFile(draft, JSON.stringify({ current, keys }, null, 2), { mode: 0o600 })
  try {
    // Unlike a rename this leaves a file that is there alone, also one that appeared just now.
    await link(draft, file)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  } finally {
    await rm(draft)
  }
  return file
}
