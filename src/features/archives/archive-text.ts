import type { RowData } from '../../platform/zerodb.ts'

export interface ArchiveHead {
  collection: string
  /** ISO 8601, UTC. */
  backupDate: string
}

/**
 * One JSON object, `{collection, backup_date, documents, document_count}` (W-011), whose documents
 * stand on lines of their own: whoever reads it need not have all of it in memory. The count comes
 * last, for it is of what was written.
 */
export async function* archiveText(
  { collection, backupDate }: ArchiveHead,
  pages: AsyncIterable<readonly RowData[]>,
): AsyncGenerator<string, void> {
  const head = JSON.stringify({ collection, backup_date: backupDate }).slice(0, -1)
  yield `${head},"documents":[\n`
  let count = 0
  for await (const page of pages) {
    for (const document of page) {
      yield `${count === 0 ? '' : ','}${JSON.stringify(document)}\n`
      count++
    }
  }
  yield `],"document_count":${count}}\n`
}

/** No line is longer: a document is a body of a few MiB and its metadata. */
const maxLineBytes = 64 * 1024 ** 2

/** The documents of an archive, one by one. Throws SyntaxError where it is not of that form. */
export async function* parseArchive(
  chunks: AsyncIterable<Buffer>,
  collection: string,
): AsyncGenerator<RowData, void> {
  let count = -1
  let ended = false
  for await (const line of splitLines(chunks)) {
    if (ended) throw new SyntaxError('it goes on behind its end')
    if (count === -1) {
      const head = JSON.parse(`${line}]}`) as RowData
      if (head['collection'] !== collection) throw new SyntaxError(`it is not of ${collection}`)
      count = 0
    } else if (line.startsWith(']')) {
      const tail = JSON.parse(`{${line.slice(2)}`) as RowData
      if (tail['document_count'] !== count) throw new SyntaxError(`it holds ${count} documents`)
      ended = true
    } else {
      yield JSON.parse(line.startsWith(',') ? line.slice(1) : line) as RowData
      count++
    }
  }
  if (!ended) throw new SyntaxError('it breaks off')
}

async function* splitLines(chunks: AsyncIterable<Buffer>): AsyncGenerator<string, void> {
  let pieces: Buffer[] = []
  let bytes = 0
  for await (const chunk of chunks) {
    let start = 0
    for (let end; (end = chunk.indexOf(10, start)) >= 0; start = end + 1) {
      yield Buffer.concat([...pieces, chunk.subarray(start, end)]).toString('utf8')
      pieces = []
      bytes = 0
    }
    pieces.push(chunk.subarray(start))
    bytes += chunk.length - start
    if (bytes > maxLineBytes) throw new SyntaxError(`it has a line of more than ${bytes} bytes`)
  }
  if (bytes > 0) yield Buffer.concat(pieces).toString('utf8')
}
