import { CsvError, parse } from 'csv-parse'
import type { ReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { metricFields } from '../../features/analytics/metric.ts'

/** One metric of a file, not yet looked at; or, in place of its value, why it cannot be read. */
export interface FileLine {
  /** From 1; of a CSV record over several lines, the last. */
  line: number
  value?: unknown
  problem?: string
}

/** The whole file is of no use; the message says why. */
export class MetricsFileError extends Error {
  override readonly name = 'MetricsFileError'
}

/** The lines of a file, of which a few at a time are in memory. Throws MetricsFileError. */
export function readMetricsFile(stream: ReadStream, format: 'csv' | 'jsonl') {
  return format === 'csv' ? readCsv(stream) : readJsonl(stream)
}

async function* readJsonl(stream: ReadStream): AsyncGenerator<FileLine> {
  let line = 0
  for await (const text of createInterface({ input: stream, crlfDelay: Infinity })) {
    line++
    if (text.trim() !== '') yield { line, ...parseJson(line === 1 ? withoutBom(text) : text) }
  }
}

function parseJson(text: string): Omit<FileLine, 'line'> {
  try {
    return { value: JSON.parse(text) as unknown }
  } catch {
    return { problem: 'is no JSON' }
  }
}

function withoutBom(text: string): string {
  return text.replace(/^\uFEFF/, '')
}

const maxRecordBytes = 65_536

interface CsvRecord {
  record: Record<string, string>
  info: { lines: number }
}

async function* readCsv(stream: ReadStream): AsyncGenerator<FileLine> {
  const skipped: FileLine[] = []
  const parser = parse({
    bom: true,
    columns: checkColumns,
    info: true,
    trim: true,
    skip_empty_lines: true,
    max_record_size: maxRecordBytes,
    skip_records_with_error: true,
    onSkip: (error) =>
      void skipped.push({ line: Number(error?.['lines'] ?? 0), problem: reasonOf(error) }),
  })
  stream.on('error', (error) => parser.destroy(error)).pipe(parser)
  try {
    for await (const { record, info } of parser as AsyncIterable<CsvRecord>) {
      yield* skipped.splice(0)
      yield { line: info.lines, value: typed(record) }
    }
  } catch (error) {
    if (error instanceof CsvError) throw new MetricsFileError(reasonOf(error))
    throw error
  }
  yield* skipped
}

const required = ['content_id', 'metric_date', 'platform']

function checkColumns(header: string[]): string[] {
  const names = header.map((name) => name.trim().toLowerCase())
  const missing = required.filter((name) => !names.includes(name))
  if (missing.length > 0) throw new MetricsFileError(`the header lacks ${missing.join(', ')}`)
  const strange = names.filter((name) => !metricFields.includes(name))
  if (strange.length > 0) {
    throw new MetricsFileError(
      `the header has ${strange.join(', ')}; columns are ${metricFields.join(', ')}`,
    )
  }
  const twice = new Set(names.filter((name, index) => names.indexOf(name) !== index))
  if (twice.size > 0) throw new MetricsFileError(`the header has ${[...twice].join(', ')} twice`)
  return names
}

/** The parser's own sentences quote the file. */
function reasonOf(error: CsvError | undefined): string {
  switch (error?.code) {
    case 'CSV_RECORD_INCONSISTENT_COLUMNS':
    case 'CSV_RECORD_INCONSISTENT_FIELDS_LENGTH':
      return 'has more or fewer values than the header has columns'
    case 'CSV_MAX_RECORD_SIZE':
      return `is longer than ${maxRecordBytes} bytes; a quote may be missing`
    case undefined:
      return 'cannot be read'
    default:
      return `is no proper CSV (${error?.code})`
  }
}

const texts = new Set(['content_id', 'metric_date', 'platform', 'revenue', 'source'])

/** Everything is text in CSV: an empty value is none, and what looks like a number is one. */
function typed(record: Record<string, string>): Record<string, unknown> {
  const given = Object.entries(record).filter(([, text]) => text !== '')
  return Object.fromEntries(given.map(([name, text]) => [name, typedValue(name, text)]))
}

function typedValue(name: string, text: string): unknown {
  if (texts.has(name)) return text
  if (name === 'custom_metrics') return parseJson(text).value ?? text
  return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text
}
