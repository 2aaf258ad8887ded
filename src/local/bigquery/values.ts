import {
  DuckDBDateValue,
  DuckDBDecimalValue,
  DuckDBListValue,
  DuckDBTimestampValue,
  type DuckDBValue,
} from '@duckdb/node-api'
import type { TypeName } from './types.ts'

/** A value that does not fit its column; the message is BigQuery's. */
export class BadValue extends Error {}

const timestampPattern =
  /^(\d{4})[-/](\d{1,2})[-/](\d{1,2})(?:[ T](\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.(\d{1,6}))?)?)?\s*(Z|UTC|[+-]\d{1,2}(?::?\d{2})?)?$/i

/** Microseconds since 1970; undefined when it is no timestamp. */
export function parseTimestamp(text: string): bigint | undefined {
  const parts = timestampPattern.exec(text.trim())
  if (!parts) return undefined
  const [, year, month, day, hour = '0', minute = '0', second = '0', fraction = '', zone] = parts
  const time = Date.UTC(
    Number(year),
    Number(month) - 1,
    Number(day),
    Number(hour),
    Number(minute),
    Number(second),
  )
  const date = new Date(time)
  if (date.getUTCDate() !== Number(day) || date.getUTCHours() !== Number(hour)) return undefined
  return BigInt(time - zoneMs(zone)) * 1_000n + BigInt(fraction.padEnd(6, '0'))
}

function zoneMs(zone = 'Z'): number {
  const [, sign, hours = '0', minutes = '0'] = /^([+-])(\d{1,2}):?(\d{2})?$/.exec(zone) ?? []
  return (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes)) * 60_000
}

/** Days since 1970; undefined when it is no date. */
function parseDate(text: string): number | undefined {
  const [, year, month, day] = /^(\d{4})-(\d{1,2})-(\d{1,2})$/.exec(text.trim()) ?? []
  if (day === undefined) return undefined
  const date = new Date(Date.UTC(Number(year), Number(month) - 1, Number(day)))
  return date.getUTCDate() === Number(day) ? date.getTime() / 86_400_000 : undefined
}

const numericScale = 9
const maxNumeric = 10n ** 38n

/** NUMERIC as a whole number of billionths; undefined when it is none. */
function parseNumeric(text: string): bigint | undefined {
  const [, sign, whole, fraction = ''] = /^([+-]?)(\d+)(?:\.(\d+))?$/.exec(text.trim()) ?? []
  if (whole === undefined) return undefined
  const digits = fraction.slice(0, numericScale).padEnd(numericScale, '0')
  const rounded = Number(fraction[numericScale] ?? '0') >= 5 ? 1n : 0n
  const value = BigInt(whole + digits) + rounded
  if (value >= maxNumeric) return undefined
  return sign === '-' ? -value : value
}

const minInt = -(2n ** 63n)
const maxInt = 2n ** 63n - 1n

/** Undefined when it is not a whole number of 64 bits. */
function parseInt64(text: string): bigint | undefined {
  if (!/^[+-]?\d+$/.test(text.trim())) return undefined
  const value = BigInt(text.trim())
  return value >= minInt && value <= maxInt ? value : undefined
}

function parseFloat64(text: string): number | undefined {
  const named = { nan: Number.NaN, inf: Infinity, infinity: Infinity, '-inf': -Infinity }
  const word = text.trim().toLowerCase()
  if (word in named) return named[word as keyof typeof named]
  return word !== '' && Number.isFinite(Number(word)) ? Number(word) : undefined
}

function parseBool(text: string): boolean | undefined {
  const word = text.trim().toLowerCase()
  return word === 'true' ? true : word === 'false' ? false : undefined
}

const parsers: Readonly<Record<TypeName, (text: string) => DuckDBValue | undefined>> = {
  STRING: (text) => text,
  INT64: parseInt64,
  FLOAT64: parseFloat64,
  NUMERIC(text) {
    const value = parseNumeric(text)
    return value === undefined ? undefined : new DuckDBDecimalValue(value, 38, numericScale)
  },
  BOOL: parseBool,
  TIMESTAMP(text) {
    const micros = parseTimestamp(text)
    return micros === undefined ? undefined : new DuckDBTimestampValue(micros)
  },
  DATE(text) {
    const days = parseDate(text)
    return days === undefined ? undefined : new DuckDBDateValue(days)
  },
  JSON: normalizeJsonText,
}

/** A value written as text, as in query parameters; undefined when it is not of the type. */
export function parseText(type: TypeName, text: string): DuckDBValue | undefined {
  return parsers[type](text)
}

export function listOf(values: readonly DuckDBValue[]): DuckDBListValue {
  return new DuckDBListValue([...values])
}

function normalizeJsonText(text: string): string | undefined {
  try {
    return normalizeJson(JSON.parse(text))
  } catch {
    return undefined
  }
}

/**
 * As the JSON type keeps it: the members of an object sorted by name. A string stays a string, even
 * when it has JSON in it: googleapis/java-bigquery#2254
 */
function normalizeJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(normalizeJson).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${normalizeJson(member)}`).join(',')}}`
}

/** A value of a row to load. */
export function convertValue(type: TypeName, value: unknown): DuckDBValue {
  if (type === 'JSON') return normalizeJson(value)
  if (typeof value === 'object') {
    throw new BadValue(
      Array.isArray(value)
        ? 'Array specified for non-repeated field'
        : 'JSON object specified for non-record field',
    )
  }
  if (type === 'TIMESTAMP' && typeof value === 'number') {
    return new DuckDBTimestampValue(BigInt(Math.round(value * 1_000_000)))
  }
  if (type === 'INT64' && typeof value === 'number' && !Number.isSafeInteger(value)) {
    throw new BadValue('The local stand-in takes whole numbers of this size as strings only')
  }
  const converted = parsers[type](typeof value === 'string' ? value : JSON.stringify(value))
  if (converted !== undefined) return converted
  throw new BadValue(`Could not convert value to ${type.toLowerCase()}`)
}
