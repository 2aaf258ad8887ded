import type { ContentApi } from './content-api.ts'
import type { SourceFile } from './find-files.ts'
import { type BatchDeps, type FileResult, importBatch } from './import-batch.ts'
import { ImportStopped, type Persistence } from './persistence.ts'
import { readBatches } from './read-batches.ts'

export interface ImportReport {
  /** Files that were found. */
  total: number
  created: number
  updated: number
  unchanged: number
  failed: { path: string; reason: string }[]
  /** Bodies that were created or updated, UTF-8. */
  storedBytes: number
  /** Why the import ended before every file had its turn; undefined when all had. */
  stopped: string | undefined
}

export function newReport(total: number): ImportReport {
  return {
    total,
    created: 0,
    updated: 0,
    unchanged: 0,
    failed: [],
    storedBytes: 0,
    stopped: undefined,
  }
}

export interface ImportOptions {
  api: ContentApi
  persistence: Persistence
  signal: AbortSignal
  /** Batches under way at a time. */
  parallel: number
}

/**
 * Makes the contents look like the files, counting in `report` as it goes. What one file lacks never
 * keeps another back; running it again goes on where it ended and leaves alone what is up to date.
 */
export async function importFiles(
  files: readonly SourceFile[],
  report: ImportReport,
  options: ImportOptions,
): Promise<void> {
  const batches = readBatches(files, (file, reason) =>
    note(report, file, { kind: 'failed', reason }),
  )
  const deps: BatchDeps = {
    ...options,
    onResult: ({ file }, result) => note(report, file, result),
  }
  // The lanes share one iterator; when one of them throws, it closes for all.
  const lane = async () => {
    for await (const batch of batches) await importBatch(deps, batch)
  }
  const ends = await Promise.allSettled(Array.from({ length: options.parallel }, lane))
  for (const end of ends) {
    if (end.status === 'rejected') report.stopped ??= whyStopped(end.reason, options.signal)
  }
}

function note(report: ImportReport, file: SourceFile, result: FileResult): void {
  if (result.kind === 'failed') {
    report.failed.push({ path: file.relativePath, reason: result.reason })
  } else {
    report[result.kind]++
  }
  if ('storedBytes' in result) report.storedBytes += result.storedBytes
}

/** Only the expected ends; a bug is thrown on. */
function whyStopped(error: unknown, signal: AbortSignal): string {
  if (signal.aborted) return 'interrupted'
  if (error instanceof ImportStopped) return error.message
  throw error
}
