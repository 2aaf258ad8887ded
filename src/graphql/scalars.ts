import { isUuid } from '../lib/id.ts'
import { badUserInput } from './bad-user-input.ts'
import { builder } from './builder.ts'

/** RFC 3339 §5.6 with a time zone; a day without a time would mean another instant to everyone. */
const dateTime = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)$/

/** What four digits of a year can say, in UTC. */
const earliest = new Date('0001-01-01T00:00:00Z')
const latest = new Date('9999-12-31T23:59:59.999Z')

/** February has no 30th: `Date` would take it for the 2nd of March. */
function isDay(day: string): boolean {
  return new Date(`${day}T00:00:00Z`).toISOString().startsWith(day)
}

builder.scalarType('DateTime', {
  description: 'An instant: RFC 3339 text with a time zone, e.g. "2026-11-20T10:15:00.000Z".',
  specifiedByURL: 'https://scalars.graphql.org/andimarek/date-time.html',
  serialize: (value) => value.toISOString(),
  parseValue: (value) => {
    if (typeof value === 'string' && dateTime.test(value)) {
      const date = new Date(value)
      if (date >= earliest && date <= latest && isDay(value.slice(0, 10))) return date
    }
    throw badUserInput('A DateTime is RFC 3339 text with a time zone: "2026-11-20T10:15:00Z".')
  },
})

builder.scalarType('BigInt', {
  description: 'A 64-bit whole number as text: byte counts pass 2³¹.',
  serialize: String,
  parseValue: (value) => {
    const number = typeof value === 'string' && /^-?\d{1,16}$/.test(value) ? Number(value) : value
    if (Number.isSafeInteger(number)) return number as number
    throw badUserInput('A BigInt is a whole number, as text or below 2⁵³ as a number.')
  },
})

builder.scalarType('Decimal', {
  description: 'An exact decimal number as text, e.g. "2.500000"; sums of money are US dollars.',
  serialize: (value) => value,
  parseValue: (value) => {
    const text = typeof value === 'number' ? String(value) : value
    if (typeof text === 'string' && /^-?\d{1,12}(\.\d{1,6})?$/.test(text)) return text
    throw badUserInput('A Decimal is a number as text with at most six decimals: "2.50".')
  },
})

builder.scalarType('UUID', {
  description: 'A UUID in its lower-case canonical form.',
  specifiedByURL: 'https://www.rfc-editor.org/rfc/rfc9562',
  serialize: (value) => value,
  parseValue: (value) => {
    if (typeof value === 'string' && isUuid(value)) return value
    throw badUserInput('A UUID looks like "0197c0de-0000-7000-8000-000000000000", in lower case.')
  },
})

builder.scalarType('URL', {
  description: 'An absolute http or https URL.',
  specifiedByURL: 'https://url.spec.whatwg.org/',
  serialize: (value) => value,
  parseValue: (value) => {
    if (typeof value === 'string' && URL.canParse(value) && /^https?:/.test(value)) return value
    throw badUserInput('A URL is absolute and starts with http:// or https://.')
  },
})

builder.scalarType('JSON', {
  description: 'Any JSON value.',
  serialize: (value) => value,
  parseValue: (value) => value,
})

function isOperation(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'op' in value && 'path' in value
}

builder.scalarType('JSONPatch', {
  description: 'A JSON Patch document (RFC 6902): a list of operations.',
  specifiedByURL: 'https://www.rfc-editor.org/rfc/rfc6902',
  serialize: (value) => value,
  parseValue: (value) => {
    if (Array.isArray(value) && value.every(isOperation)) return value
    throw badUserInput(
      'A JSONPatch is a list of operations: [{"op": "add", "path": "/a", "value": 1}].',
    )
  },
})
