import { sha256, utf8Size } from '../../lib/bytes.ts'
import type { ContentApi, WriteResult } from './content-api.ts'
import type { CurrentContent } from './operations.ts'
import { ImportStopped, type Persistence, RetryLater } from './persistence.ts'
import { creationOf, externalSystem, isUpToDate, updateOf, withKey } from './plan.ts'
import { OperationRefused } from './post-operation.ts'
import type { Entry } from './read-batches.ts'

/** How one file ended; `storedBytes` is the size of its body if that was written. */
export type FileResult =
  | { kind: 'created' | 'updated'; storedBytes: number }
  | { kind: 'unchanged' }
  | { kind: 'failed'; reason: string }

export interface BatchDeps {
  api: ContentApi
  persistence: Persistence
  /** Called once for every file, as soon as its end is certain. */
  onResult: (entry: Entry, result: FileResult) => void
}

/**
 * Brings the contents of a batch up to date: one look-up, then the new ones together and the changed
 * ones each. What to do is decided before it is sent and kept over repeats, so a file counts as
 * created even when the answer that said so was lost.
 */
export async function importBatch(deps: BatchDeps, batch: readonly Entry[]): Promise<void> {
  const current = await find(deps, batch)
  const missing = batch.filter((_entry, index) => current[index] == null)
  const overtaken: Entry[] = []
  for (const entries of chunks(missing)) overtaken.push(...(await create(deps, entries)))
  for (const [index, entry] of batch.entries()) {
    const content = current[index]
    if (content) await put(deps, entry, content)
  }
  for (const entry of overtaken) await put(deps, entry, (await find(deps, [entry]))[0] ?? null)
}

async function find({ api, persistence }: BatchDeps, entries: readonly Entry[]) {
  const ids = entries.map(({ source }) => source.id)
  try {
    return await persistence.run(() => api.find(externalSystem, ids))
  } catch (error) {
    // A look-up holds nothing but names: whoever refuses one refuses all.
    if (error instanceof OperationRefused) throw new ImportStopped(error.message)
    throw error
  }
}

/** Half of what a request may hold: a call that takes long is repeated as a whole. */
const maxBytesPerCreate = 1_000_000

function* chunks(entries: readonly Entry[]): Iterable<Entry[]> {
  let chunk: Entry[] = []
  let bytes = 0
  for (const entry of entries) {
    if (chunk.length > 0 && bytes + entry.requestBytes > maxBytesPerCreate) {
      yield chunk
      chunk = []
      bytes = 0
    }
    chunk.push(entry)
    bytes += entry.requestBytes
  }
  if (chunk.length > 0) yield chunk
}

/**
 * Creates contents in one call, repeated for those that could not be stored yet. Answers those that
 * somebody else has created, or created and deleted, in the meantime.
 */
async function create(deps: BatchDeps, entries: readonly Entry[]): Promise<Entry[]> {
  const overtaken: Entry[] = []
  let open = entries
  const attempt = async () => {
    const results = await deps.api.create(open.map(({ source }) => withKey(creationOf(source))))
    const ended = Map.groupBy(open, (_entry, index) => results[index]?.kind)
    for (const [index, entry] of open.entries()) settle(deps, entry, results[index], null)
    overtaken.push(...(ended.get('overtaken') ?? []))
    open = ended.get('later') ?? []
    const later = results.find((result) => result.kind === 'later')
    if (later) throw later.error
  }
  try {
    await deps.persistence.run(attempt)
  } catch (error) {
    if (!(error instanceof OperationRefused)) throw error
    // One of them is at fault: alone, the others pass.
    if (open.length > 1) for (const entry of open) overtaken.push(...(await create(deps, [entry])))
    else for (const entry of open) fail(deps, entry, error.message)
  }
  return overtaken
}

/** Writes one content as its file wants it, unless it is like that already. */
async function put(deps: BatchDeps, entry: Entry, current: CurrentContent | null): Promise<void> {
  const { source } = entry
  if (current && isUpToDate(source, current)) return deps.onResult(entry, { kind: 'unchanged' })
  const input = current ? updateOf(source, current) : creationOf(source)
  const attempt = async () => {
    const result = await deps.api.upsert(input)
    if (result.kind === 'later') throw result.error
    if (result.kind === 'overtaken') throw new RetryLater(`others are writing ${source.id}`)
    settle(deps, entry, result, current)
  }
  try {
    return await deps.persistence.run(attempt)
  } catch (error) {
    if (!(error instanceof OperationRefused)) throw error
    return fail(deps, entry, error.message)
  }
}

/** Reports a result that is final; the others are gone about again. */
function settle(
  deps: BatchDeps,
  entry: Entry,
  result: WriteResult | undefined,
  previous: CurrentContent | null,
): void {
  if (result?.kind === 'refused') fail(deps, entry, result.reason)
  if (result?.kind !== 'stored') return
  const { body } = entry.source
  const storedBytes = previous?.storage.checksum === sha256(body) ? 0 : utf8Size(body)
  deps.persistence.noteSuccess()
  deps.onResult(entry, { kind: previous ? 'updated' : 'created', storedBytes })
}

function fail({ onResult }: BatchDeps, entry: Entry, reason: string): void {
  onResult(entry, { kind: 'failed', reason })
}
