import { decodeCursor, encodeCursor, InvalidCursorError } from '../../lib/cursor.ts'
import { isUuid } from '../../lib/id.ts'
import type { SqlParams } from '../../platform/postgres/sql-params.ts'
import type { Content } from './content.entity.ts'

export type SortDirection = 'asc' | 'desc'

/**
 * How each order reads in SQL, and the value of a row to put into a cursor. A date that is not set
 * sorts as the earliest there is, which keeps keyset conditions free of nulls.
 */
const orders = {
  CREATED_AT: instant('c.created_at', 'createdAt'),
  UPDATED_AT: instant('c.updated_at', 'updatedAt'),
  PUBLISHED_AT: instant(`coalesce(c.published_at, '-infinity')`, 'publishedAt'),
  SCHEDULED_AT: instant(`coalesce(c.scheduled_at, '-infinity')`, 'scheduledAt'),
  TITLE: key('c.title', 'title', () => true),
  SIZE: key('c.storage_size_bytes', 'storageSizeBytes', (value) => /^\d{1,15}$/.test(value)),
}

interface OrderKey {
  sql: string
  property: keyof Content & string
  valueOf(row: Content): string
  /** Whether a cursor may have this value. */
  accepts(value: string): boolean
}

/** As `toISOString` prints the years that PostgreSQL reads in the same way. */
function isInstant(value: string): boolean {
  if (!/^\d{4}-/.test(value) || value.startsWith('0000')) return false
  const date = new Date(value)
  return !Number.isNaN(date.getTime()) && date.toISOString() === value
}

function instant(
  sql: string,
  property: 'createdAt' | 'updatedAt' | 'publishedAt' | 'scheduledAt',
): OrderKey {
  return {
    sql,
    property,
    valueOf: (row) => row[property]?.toISOString() ?? '-infinity',
    accepts: (value) => value === '-infinity' || isInstant(value),
  }
}

function key(
  sql: string,
  property: 'id' | 'title' | 'storageSizeBytes',
  accepts: OrderKey['accepts'],
): OrderKey {
  return { sql, property, valueOf: (row) => String(row[property]), accepts }
}

export type ContentOrderField = keyof typeof orders
export const contentOrderFields = Object.keys(orders) as ContentOrderField[]

export interface ContentOrder {
  field: ContentOrderField
  direction: SortDirection
}

const byId = key('c.id', 'id', isUuid)

/** Newest first (E-084). */
const defaultOrder: readonly ContentOrder[] = [{ field: 'CREATED_AT', direction: 'desc' }]

/** A total order over contents: the asked-for fields, then the id in the first one's direction. */
export class ContentOrdering {
  readonly #name: string
  readonly #keys: readonly { key: OrderKey; direction: SortDirection }[]

  constructor(orderBy: readonly ContentOrder[] = defaultOrder) {
    this.#name = orderBy.map(({ field, direction }) => `${field}:${direction}`).join(',')
    const direction = orderBy[0]?.direction ?? 'desc'
    this.#keys = [
      ...orderBy.map(({ field, direction }) => ({ key: orders[field], direction })),
      { key: byId, direction },
    ]
  }

  /** The ORDER BY list; `backward` turns every direction round. */
  orderBy(backward: boolean): string {
    return this.#keys
      .map(({ key, direction }) => `${key.sql} ${turn(direction, backward)}`)
      .join(', ')
  }

  /** What a row must have for `cursorOf`. */
  get properties(): (keyof Content & string)[] {
    return this.#keys.map(({ key: { property } }) => property)
  }

  cursorOf(row: Content): string {
    return encodeCursor(
      this.#name,
      this.#keys.map(({ key }) => key.valueOf(row)),
    )
  }

  /** The condition "beyond `cursor`" in reading direction. Throws InvalidCursorError. */
  beyond(cursor: string, backward: boolean, params: SqlParams): string {
    const values = decodeCursor(cursor, this.#name, this.#keys.length)
    const steps = this.#keys.map(({ key, direction }, index) => {
      const value = values[index]
      if (value == null || !key.accepts(value)) throw new InvalidCursorError()
      const operator = turn(direction, backward) === 'asc' ? '>' : '<'
      return { sql: key.sql, operator, placeholder: params.add(value) }
    })
    const [first] = steps
    if (first && steps.every(({ operator }) => operator === first.operator)) {
      // One row comparison: the form an index can be walked with.
      const columns = steps.map(({ sql }) => sql).join(', ')
      const placeholders = steps.map(({ placeholder }) => placeholder).join(', ')
      return `(${columns}) ${first.operator} (${placeholders})`
    }
    const alternatives = steps.map(({ sql, operator, placeholder }, index) => {
      const ties = steps.slice(0, index).map((tie) => `${tie.sql} = ${tie.placeholder} and `)
      return `(${ties.join('')}${sql} ${operator} ${placeholder})`
    })
    return `(${alternatives.join(' or ')})`
  }
}

function turn(direction: SortDirection, backward: boolean): SortDirection {
  if (!backward) return direction
  return direction === 'asc' ? 'desc' : 'asc'
}
