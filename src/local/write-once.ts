import { link, mkdir, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { newId } from '../lib/id.ts'

/** Writes a file for its owner's eyes alone, unless it is there already or appears just now. */
export async function writeOnce(file: string, text: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true })
  const draft = `${file}.${newId()}`
  await writeFile(draft, text, { mode: 0o600 })
  try {
    // Unlike a rename this leaves a file that is there alone.
    await link(draft, file)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  } finally {
    await rm(draft)
  }
}
