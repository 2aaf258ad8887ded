import type { TypeName } from '../types.ts'

/** What the parser understood; names are not looked up yet. */
export type Expression =
  | { kind: 'literal'; type: TypeName | 'NULL'; text: string }
  | { kind: 'param'; name: string }
  | { kind: 'name'; path: readonly string[] }
  | { kind: 'array'; items: Expression[] }
  | { kind: 'call'; call: Call }
  | { kind: 'cast'; value: Expression; type: TypeName; safe: boolean }
  | { kind: 'case'; whens: { when: Expression; value: Expression }[]; otherwise: Expression | null }
  | { kind: 'not' | 'minus'; value: Expression }
  | { kind: 'binary'; operator: string; left: Expression; right: Expression }
  | { kind: 'between'; value: Expression; low: Expression; high: Expression }
  | { kind: 'in'; value: Expression; list: Expression[] }
  | { kind: 'inUnnest'; value: Expression; array: Expression }
  | { kind: 'inQuery'; value: Expression; query: Query }
  | { kind: 'is'; value: Expression; what: 'NULL' | 'TRUE' | 'FALSE' }
  | { kind: 'exists'; query: Query }
  | { kind: 'scalarQuery'; query: Query }
  | { kind: 'interval'; amount: Expression; part: string }

export interface Call {
  name: string
  args: Expression[]
  /** `COUNT(*)` */
  star: boolean
  distinct: boolean
  ignoreNulls: boolean
  orderBy: OrderItem[]
  limit: number | null
  over: Window | null
}

export interface Window {
  partitionBy: Expression[]
  orderBy: OrderItem[]
  /** GoogleSQL's words, which DuckDB shares. */
  frame: string
}

export interface OrderItem {
  value: Expression
  descending: boolean
  nulls: 'FIRST' | 'LAST'
}

export type SelectItem =
  | { kind: 'star'; of: string | null; except: string[] }
  | { kind: 'value'; value: Expression; alias: string | null }

export type Source =
  | { kind: 'table'; path: string; alias: string | null }
  | { kind: 'query'; query: Query; alias: string | null }
  | { kind: 'unnest'; array: Expression; alias: string | null }

export interface Join {
  type: 'CROSS' | 'INNER' | 'LEFT'
  source: Source
  on: Expression | null
}

export interface Select {
  kind: 'select'
  distinct: boolean
  items: SelectItem[]
  from: { source: Source; joins: Join[] } | null
  where: Expression | null
  groupBy: Expression[]
  having: Expression | null
  qualify: Expression | null
}

export interface Query {
  with: { name: string; query: Query }[]
  body: (Select | { kind: 'nested'; query: Query })[]
  /** Between the parts of the body, of which there is one more. */
  union: ('ALL' | 'DISTINCT')[]
  orderBy: OrderItem[]
  limit: Expression | null
  offset: Expression | null
}

export interface Delete {
  table: string
  alias: string | null
  where: Expression
}

export type Statement = { kind: 'query'; query: Query } | { kind: 'delete'; delete: Delete }
