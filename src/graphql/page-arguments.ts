import { badUserInput } from './bad-user-input.ts'

/** No page is larger: it bounds what one request can cost. */
export const maxPageSize = 100

type Maybe<T> = T | null | undefined

export interface ConnectionArguments {
  first?: Maybe<number>
  after?: Maybe<string>
  last?: Maybe<number>
  before?: Maybe<string>
}

export interface PageRequest {
  limit: number
  /** From the end of the list towards its beginning. */
  backward: boolean
  cursor: string | undefined
}

/**
 * Relay's four arguments as one direction. Throws BAD_USER_INPUT when both directions are mixed or a
 * size is outside 1 to 100.
 */
export function readPageArguments(args: ConnectionArguments, defaultSize: number): PageRequest {
  const { first, after, last, before } = args
  if (last != null || before != null) {
    if (first != null || after != null) {
      throw badUserInput('Page forward with first and after, or backward with last and before.')
    }
    return {
      limit: pageSize('last', last ?? defaultSize),
      backward: true,
      cursor: before ?? undefined,
    }
  }
  return {
    limit: pageSize('first', first ?? defaultSize),
    backward: false,
    cursor: after ?? undefined,
  }
}

function pageSize(name: string, size: number): number {
  if (size >= 1 && size <= maxPageSize) return size
  throw badUserInput(`${name} must be from 1 to ${maxPageSize}.`)
}
