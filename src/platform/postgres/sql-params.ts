import type { SqlValue } from './trip.ts'

/** Collects the values of a statement that is put together piece by piece. */
export class SqlParams {
  readonly values: SqlValue[] = []

  /** Remembers `value` and answers its placeholder, e.g. `$3`. */
  add(value: SqlValue): string {
    this.values.push(value)
    return `$${this.values.length}`
  }
}
