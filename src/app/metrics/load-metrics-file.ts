import { createReadStream } from 'node:fs'
import {
  loadAnalytics,
  type LoadAnalyticsDeps,
  type LoadOptions,
  maxMetricsPerLoad,
} from '../../features/analytics/load-analytics.ts'
import { type FileLine, readMetricsFile } from './read-metrics-file.ts'

/** More are counted, not listed. */
const listedProblems = 20

export interface MetricsReport {
  bytesRead: number
  loaded: number
  thereAlready: number
  /** Sound, and not loaded because nothing was to be. */
  checked: number
  /** In batches that had a bad line, which are counted among them. */
  refused: number
  badLines: number
  /** The first of the bad lines, and what is wrong with them. */
  problems: { line: number; message: string }[]
}

export function newMetricsReport(): MetricsReport {
  return {
    bytesRead: 0,
    loaded: 0,
    thereAlready: 0,
    checked: 0,
    refused: 0,
    badLines: 0,
    problems: [],
  }
}

export interface MetricsFile {
  path: string
  format: 'csv' | 'jsonl'
  tenantId: string
  options: LoadOptions
}

/**
 * Loads a file batch by batch, each whole or not at all, and counts in `report` as it goes; it stops
 * between batches when the signal aborts. Whoever repairs the bad lines loads the file again: what
 * was loaded before stays as it is. Throws MetricsFileError, UpstreamError and LoadFailedError.
 */
export async function loadMetricsFile(
  deps: LoadAnalyticsDeps,
  { path, format, tenantId, options }: MetricsFile,
  report: MetricsReport,
): Promise<void> {
  const stream = createReadStream(path)
  try {
    for await (const batch of batchesOf(readMetricsFile(stream, format))) {
      if (deps.signal.aborted) return
      await loadBatch(deps, tenantId, batch, options, report)
      report.bytesRead = stream.bytesRead
    }
  } finally {
    stream.destroy()
  }
}

async function* batchesOf(lines: AsyncIterable<FileLine>): AsyncGenerator<FileLine[]> {
  let batch: FileLine[] = []
  for await (const line of lines) {
    if (batch.push(line) < maxMetricsPerLoad) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}

async function loadBatch(
  deps: LoadAnalyticsDeps,
  tenantId: string,
  batch: readonly FileLine[],
  options: LoadOptions,
  report: MetricsReport,
): Promise<void> {
  const readable = batch.filter(({ problem }) => problem === undefined)
  const unreadable = batch.flatMap(({ line, problem: message }) =>
    message === undefined ? [] : [{ line, message }],
  )
  const values = readable.map(({ value }) => value)
  const isSpoiled = unreadable.length > 0
  const careful = isSpoiled ? { ...options, dryRun: true } : options
  const load = await loadAnalytics(deps, tenantId, values, careful)
  const wrong = load.problems.map(({ index, message }) => ({
    line: readable[index]?.line ?? 0,
    message,
  }))
  const problems = [...unreadable, ...wrong].toSorted((a, b) => a.line - b.line)
  report.badLines += problems.length
  report.problems.push(...problems.slice(0, listedProblems - report.problems.length))
  if (problems.length > 0) report.refused += batch.length
  else if (load.outcome === 'loaded') report.loaded += batch.length
  else if (load.outcome === 'there already') report.thereAlready += batch.length
  else report.checked += batch.length
}
