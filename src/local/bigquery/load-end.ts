import type { BadRow } from './load-rows.ts'
import { Refusal, type ErrorProto } from './replies.ts'

/** How a load ended; absent while it runs. */
export interface LoadEnd {
  at: number
  errorResult?: ErrorProto
  errors?: ErrorProto[]
  outputRows?: number
  outputBytes?: number
  badRecords: number
}

/** More are not listed. */
const listedErrors = 100
const fileName = 'file-00000000'

export class TooManyBadRows extends Error {
  readonly bad: readonly BadRow[]

  constructor(good: number, bad: readonly BadRow[]) {
    super(
      'Error while reading data, error message: JSON table encountered too many errors, giving ' +
        `up. Rows: ${good + bad.length}; errors: ${bad.length}. Please look into the errors[] ` +
        'collection for more details.',
    )
    this.bad = bad
  }
}

/** The first of them, as a job lists them. */
export function describeBadRows(bad: readonly BadRow[]): ErrorProto[] {
  return bad.slice(0, listedErrors).map(toProto)
}

function toProto({ line, position, message }: BadRow): ErrorProto {
  return {
    reason: 'invalid',
    location: `${fileName}; line: ${line}`,
    message: `Error while reading data, error message: JSON parsing error in row starting at position ${position}: ${message}`,
  }
}

/** What a load ends with that did not come to its end. */
export function endOfFailed(at: number, error: unknown): LoadEnd {
  if (error instanceof TooManyBadRows) {
    const errorResult = { reason: 'invalid', location: fileName, message: error.message }
    const errors = [errorResult, ...describeBadRows(error.bad)]
    return { at, errorResult, errors, badRecords: error.bad.length }
  }
  const errorResult =
    error instanceof Refusal ? error.proto : { reason: 'internalError', message: String(error) }
  return { at, errorResult, errors: [errorResult], badRecords: 0 }
}
