import { randomUUID } from 'node:crypto'
import { StartupError } from '../../lib/errors.ts'
import { mapLimit } from '../../lib/map-limit.ts'
import { malformed, readPage, readRow, type Row, type RowData } from './answers.ts'
import { chunk, chunksAtOnce, countDown, keysPerQuery } from './client.ts'
import type { Client, ZeroDbCall } from './client.ts'
import { followPages } from './pages.ts'

/** Rows in one answer at most; ZeroDB's own limit. */
const rowsPerPage = 1000

type Scalar = string | number | boolean
type Operator = '$eq' | '$ne' | '$gt' | '$gte' | '$lt' | '$lte'

/** A plain value means equality. */
export type Condition =
  | Scalar
  | { readonly [operator in Operator]?: Scalar }
  | { readonly $in: readonly Scalar[] }

export interface RowQuery {
  /** Top-level fields only; several mean AND. The tenant is added by the client. */
  filter?: Readonly<Record<string, Condition>>
  sort?: Readonly<Record<string, 1 | -1>>
  /** At most 1000, which is also the default. */
  limit?: number
  skip?: number
}

export interface RowReader {
  /**
   * Rows that exist, by our own key `id`; missing ones are simply absent. Fails as `malformed` when
   * the answer holds a row of another tenant or one nobody asked for: then none of it is trusted.
   */
  getRowsByKey(
    tenantId: string,
    table: string,
    ids: readonly string[],
    call?: ZeroDbCall,
  ): Promise<Map<string, RowData>>
  /** One page of rows; fails like `getRowsByKey` when they are not those of the filter. */
  queryRows(tenantId: string, table: string, query: RowQuery, call?: ZeroDbCall): Promise<RowData[]>
  /** All rows, page after page, in order of their keys; each key once. The time is that of a page. */
  eachRow(
    tenantId: string,
    table: string,
    query?: Pick<RowQuery, 'filter' | 'limit'>,
    call?: ZeroDbCall,
  ): AsyncGenerator<RowData, void>
  /** Throws StartupError when ZeroDB answers a filter that matches nothing with rows. */
  checkFilter(table: string, call?: ZeroDbCall): Promise<void>
}

export function createRowReader(client: Client): RowReader {
  const fetchRows = async (table: string, { filter, ...query }: RowQuery, call: ZeroDbCall) => {
    const path = `${client.pathOf(table)}/query`
    const body = { [client.filterKey]: filter, limit: rowsPerPage, skip: 0, ...query }
    return readPage(
      await client.send({ method: 'POST', path, body, effect: 'none', ...call }),
      readRow,
    )
  }

  const fetchOwn = async (tenantId: string, table: string, query: RowQuery, call: ZeroDbCall) => {
    const filter = { ...query.filter, tenant_id: tenantId }
    const page = await fetchRows(table, { ...query, filter }, call)
    for (const row of page.items) {
      if (row.data['tenant_id'] !== tenantId) refuse(client, 'foreignRow', tenantId, table, row)
      if (!meets(row, query.filter)) refuse(client, 'unaskedRow', tenantId, table, row)
    }
    return page
  }

  const followOwn = (tenantId: string, table: string, query: RowQuery, call: ZeroDbCall) =>
    followPages(
      (skip) => fetchOwn(tenantId, table, { ...query, skip }, call),
      ({ rowId }) => rowId,
    )

  const getChunk = async (tenantId: string, table: string, ids: string[], call: ZeroDbCall) => {
    const asked = new Set<unknown>(ids)
    const rows: Row[] = []
    const pages = followOwn(tenantId, table, { filter: { id: { $in: ids } } }, call)
    for await (const page of pages) {
      const unasked = page.find(({ data }) => !asked.has(data['id']))
      if (unasked) refuse(client, 'unaskedRow', tenantId, table, unasked)
      rows.push(...page)
    }
    return rows
  }

  return {
    async getRowsByKey(tenantId, table, ids, call = {}) {
      const left = countDown(call)
      const chunks = chunk([...new Set(ids)], keysPerQuery)
      const fetch = (keys: string[]) => getChunk(tenantId, table, keys, left())
      const rows = (await mapLimit(chunks, chunksAtOnce, fetch)).flat()
      return oldestByKey(rows, (key) =>
        client.alarm({ kind: 'duplicateKey', tenantId, table, key }),
      )
    },
    async queryRows(tenantId, table, query, call = {}) {
      const { items } = await fetchOwn(tenantId, table, query, call)
      return items.map(({ data }) => data)
    },
    async *eachRow(tenantId, table, query = {}, call = {}) {
      const pages = followOwn(tenantId, table, { ...query, sort: { id: 1 } }, call)
      // In order of keys, rows of one key are neighbours: only the page before can have had them too.
      let before = new Set<string>()
      for await (const page of pages) {
        const keys = new Set<string>()
        for (const row of page) {
          const key = keyOf(row)
          if (!before.has(key) && !keys.has(key)) yield row.data
          keys.add(key)
        }
        before = keys
      }
    },
    async checkFilter(table, call = {}) {
      const query = { filter: { id: randomUUID() }, limit: 1 }
      const { items } = await fetchRows(table, query, call)
      if (items.length > 0) throw filterIgnored(table, client.filterKey)
    },
  }
}

/** Whether the row has the plain values of the filter: if not, the filter was not read. */
function meets({ data }: Row, filter: RowQuery['filter'] = {}): boolean {
  return Object.entries(filter).every(
    ([field, condition]) => typeof condition === 'object' || data[field] === condition,
  )
}

/** Our own key of a row; for a row without one, the server's. */
function keyOf({ data, rowId }: Row): string {
  const { id } = data
  return typeof id === 'string' ? id : rowId
}

/**
 * Nothing in ZeroDB makes a key unique. Of several rows the one created first counts, for every
 * reader the same.
 */
function oldestByKey(rows: readonly Row[], onDuplicate: (key: string) => void) {
  const oldest = new Map<string, Row>()
  for (const row of rows) {
    const key = keyOf(row)
    const rival = oldest.get(key)
    if (rival) onDuplicate(key)
    if (!rival || isOlder(row, rival)) oldest.set(key, row)
  }
  return new Map(Array.from(oldest, ([key, row]) => [key, row.data]))
}

function isOlder(a: Row, b: Row): boolean {
  return a.createdAt === b.createdAt ? a.rowId < b.rowId : a.createdAt < b.createdAt
}

function refuse(
  client: Client,
  kind: 'foreignRow' | 'unaskedRow',
  tenantId: string,
  table: string,
  row: Row,
): never {
  const key = keyOf(row)
  client.alarm({ kind, tenantId, table, key })
  throw malformed(`answered tenant ${tenantId} with a ${kind} of ${table}: ${key}`)
}

function filterIgnored(table: string, filterKey: string): StartupError {
  return new StartupError([
    `ZeroDB ignores '${filterKey}' in a query: a filter that matches nothing found rows of ${table}.`,
    'Every tenant would be answered with rows of the others, so nothing was started.',
    "Set ZERODB_FILTER_KEY to the other of 'filter' and 'filters'.",
  ])
}
