import type { Reply } from '../exchange.ts'

export type Json = string | number | boolean | null | Json[] | JsonObject
export interface JsonObject {
  [key: string]: Json
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** An answer of another status than 2xx, thrown where it is noticed. */
export class Refusal extends Error {
  readonly reply: Reply

  constructor(status: number, body: JsonObject) {
    super(JSON.stringify(body))
    this.reply = { status, body: this.message }
  }
}

export function ok(value: unknown): Reply {
  return { status: 200, body: JSON.stringify(value) }
}

/** 400: an operator, a field name or a filter that the dialect does not know. */
export function badRequest(detail: string): Refusal {
  return new Refusal(400, { detail })
}

/** 422 as FastAPI words it; `location` is the path of the offending value, e.g. body, row_data. */
export function unprocessable(location: readonly string[], msg: string, type: string): Refusal {
  return new Refusal(422, { detail: [{ loc: [...location], msg, type }] })
}

export function missingField(...location: readonly string[]): Refusal {
  return unprocessable(location, 'Field required', 'missing')
}

export const routeNotFound = () => new Refusal(404, { detail: 'Not Found' })
export const methodNotAllowed = () => new Refusal(405, { detail: 'Method Not Allowed' })
export const projectNotFound = () => new Refusal(404, { detail: 'Project not found' })
export const rowNotFound = () => new Refusal(404, { detail: 'Row not found' })
export const fileNotFound = () => new Refusal(404, { detail: 'File not found' })

export const invalidApiKey = () =>
  new Refusal(401, { detail: 'Invalid API key', error_code: 'INVALID_API_KEY' })

export const tableNotFound = (name: string) =>
  new Refusal(404, { detail: `Table '${name}' not found`, error_code: 'TABLE_NOT_FOUND' })
