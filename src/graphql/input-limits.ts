import { isWithin, type NestingLimits } from '../lib/nesting.ts'
import { badUserInput } from './bad-user-input.ts'

/** Far more than any operation needs; what is written into the document is bounded by its tokens. */
const limits: NestingLimits = { depth: 32, items: 1_000, entries: 10_000 }

/** Refuses variables that would cost more to read than they can be worth; comes before all else. */
export function refuseLargeVariables(variables: unknown): void {
  if (isWithin(variables, limits)) return
  const { depth, items, entries } = limits
  throw badUserInput(
    `Variables nest at most ${depth} deep, with ${items} items in a list and ${entries} values in all.`,
  )
}
