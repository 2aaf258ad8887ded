import { open } from 'node:fs/promises'
import { utf8Size } from '../../lib/bytes.ts'
import { maxRequestBytes } from '../read-body.ts'
import type { SourceFile } from './find-files.ts'
import { maxRefsPerFind } from './operations.ts'
import { creationOf } from './plan.ts'
import { readSource, type Source } from './read-source.ts'
import { SourceError } from './source-error.ts'

/** A file that was read, and what it will take in a request. */
export interface Entry {
  file: SourceFile
  source: Source
  requestBytes: number
}

/** For the operation around an input, and for what an update carries over. */
const margin = 32_768

/**
 * Reads the files in order, as many at a time as one look-up takes, so that a folder of any size
 * takes little memory. Files that cannot be imported go to `onBad`. Of two files with one id the
 * first wins, in every run.
 */
export async function* readBatches(
  files: readonly SourceFile[],
  onBad: (file: SourceFile, reason: string) => void,
): AsyncGenerator<Entry[], void> {
  const owners = new Map<string, SourceFile>()
  let batch: Entry[] = []
  for (const file of files) {
    try {
      const entry = await readEntry(file)
      const owner = owners.get(entry.source.id)
      if (owner) throw new SourceError(`has the same id as ${owner.relativePath}`)
      owners.set(entry.source.id, file)
      batch.push(entry)
    } catch (error) {
      onBad(file, reasonOf(error))
    }
    if (batch.length < maxRefsPerFind) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}

async function readEntry(file: SourceFile): Promise<Entry> {
  const source = readSource(file, await readBytes(file.path))
  const requestBytes = utf8Size(JSON.stringify(creationOf(source)))
  if (requestBytes > maxRequestBytes - margin) throw tooLarge()
  return { file, source, requestBytes }
}

/** A file that is surely too large is not read at all. */
async function readBytes(path: string): Promise<Uint8Array> {
  await using handle = await open(path)
  const { size } = await handle.stat()
  if (size > maxRequestBytes) throw tooLarge()
  return await handle.readFile()
}

function tooLarge(): SourceError {
  return new SourceError(`is too large: a request may have ${maxRequestBytes} bytes`)
}

/** Mistakes in the file and troubles of the file system; anything else is a bug of ours. */
function reasonOf(error: unknown): string {
  if (error instanceof SourceError) return error.message
  if (error instanceof Error && 'syscall' in error) return error.message
  throw error
}
