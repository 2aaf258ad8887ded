import type { TypeName, ValueType } from '../types.ts'
import type { Call, Expression } from './tree.ts'
import { coerce, noSignature, scalar, type Typed } from './typed.ts'

/** A call as a function's rule sees it. */
export interface CallFacts {
  call: Call
  /** Analyses an argument; date parts are arguments that are no expressions. */
  typed(argument: Expression): Typed
  args(): Typed[]
}

export interface Emitted {
  /** The call itself, to which OVER may be added. */
  sql: string
  type: ValueType | null
  /** Around the call and its window. */
  wrap?: (sql: string) => string
  /** Another value for each row, whatever the arguments. */
  volatile?: boolean
}

export type Rule = (facts: CallFacts) => Emitted

/** The arguments as these types; the last of them may be left out as often as it is marked by `?`. */
export function want(facts: CallFacts, ...types: readonly (TypeName | `${TypeName}?`)[]): Typed[] {
  const given = facts.args()
  const needed = types.filter((type) => !type.endsWith('?')).length
  const fits = given.length >= needed && given.length <= types.length
  const converted = given.map((typed, n) =>
    coerce(typed, scalar((types[n] ?? 'STRING').replace('?', '') as TypeName)),
  )
  if (!fits || converted.includes(undefined))
    throw noSignature(`function ${facts.call.name}`, given)
  return converted as Typed[]
}

/** A function that has another name, or the same, and the same meaning in DuckDB. */
export const plain =
  (sqlName: string, result: TypeName, ...types: readonly (TypeName | `${TypeName}?`)[]): Rule =>
  (facts) => ({ sql: `${sqlName}(${sqlOf(want(facts, ...types))})`, type: scalar(result) })

export function sqlOf(all: readonly Typed[]): string {
  return all.map(({ sql }) => sql).join(', ')
}

/** An argument of whatever type, which is the result's as well. */
export const passing =
  (sqlName: string): Rule =>
  (facts) => {
    const [value, ...rest] = facts.args()
    if (!value || rest.length > 0) throw noSignature(`function ${facts.call.name}`, facts.args())
    return { sql: `${sqlName}(${value.sql})`, type: value.type }
  }
