import { unprocessable, type Json } from './replies.ts'

const defaultLimit = 100
const maxLimit = 1000

export interface Paging {
  skip: number
  limit: number
}

/** `skip` and `limit` of an address; `offset` is ignored. */
export function readPaging(query: URLSearchParams): Paging {
  const number = (name: string) => {
    const text = query.get(name)
    return text === null ? undefined : Number(text)
  }
  return checkPaging(number('skip'), number('limit'), 'query')
}

/** `skip` and `limit` of a body. */
export function checkPaging(
  skip: Json | undefined = 0,
  limit: Json | undefined = defaultLimit,
  place = 'body',
): Paging {
  if (!isCount(skip)) throw outOfRange(place, 'skip', 'at least 0')
  if (!isCount(limit) || limit === 0 || limit > maxLimit) {
    throw outOfRange(place, 'limit', `between 1 and ${maxLimit}`)
  }
  return { skip, limit }
}

function isCount(value: Json): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0
}

function outOfRange(place: string, name: string, range: string) {
  return unprocessable([place, name], `Input should be ${range}`, 'value_error')
}
