import { badUserInput } from './bad-user-input.ts'
import { builder } from './builder.ts'

export interface DateRange {
  from: Date
  to: Date
}

export const DateRangeInput = builder.inputType('DateRangeInput', {
  description: 'From an instant on, until just before another.',
  fields: (t) => ({
    from: t.field({ type: 'DateTime', required: true }),
    to: t.field({ type: 'DateTime', required: true }),
  }),
})

/** Throws BAD_USER_INPUT unless the range runs forwards and over at most `maxDays`. */
export function readDateRange({ from, to }: DateRange, maxDays: number): DateRange {
  if (from >= to) throw badUserInput('The range ends before it begins: `from` must be before `to`.')
  if (to.getTime() - from.getTime() > maxDays * 86_400_000) {
    throw badUserInput(`The range is longer than ${maxDays} days; ask for it in parts.`)
  }
  return { from, to }
}
