import type { Connection, Database } from './database.ts'
import { quote } from './identifiers.ts'
import { duplicate, notFound } from './replies.ts'
import { checkSchemaChange, type Field } from './schema.ts'
import { partitioningOf, requiresFilter, fieldsOf } from './table-resource.ts'
import type { Partitioning, TableResource } from './table-resource.ts'
import { storedTypeSql, type ValueType } from './types.ts'

export interface DatasetResource {
  location: string
  description?: string | undefined
  friendlyName?: string | undefined
  labels?: Record<string, string> | undefined
  creationTime: number
}

export interface Table {
  /** Its own for ever: what is told of a deleted table is not told of its successor. */
  number: number
  datasetId: string
  tableId: string
  /** `project:dataset.table` */
  fullName: string
  resource: TableResource
  fields: readonly Field[]
  partitioning: Partitioning | undefined
  requiresFilter: boolean
}

export function typeOf({ type, mode }: Field): ValueType {
  return { name: type, array: mode === 'REPEATED' }
}

/** DuckDB's table with the rows of a table. */
export function rowsOf({ number }: Pick<Table, 'number'>): string {
  return `rows_${number}`
}

const ownTables = `
  create table if not exists datasets (id varchar primary key, resource varchar);
  create sequence if not exists table_numbers;
  create table if not exists tables (number integer, dataset varchar, id varchar, resource varchar);
  create table if not exists partition_sizes (
    number integer, day date, name varchar, amount bigint
  )`

export type Catalog = Awaited<ReturnType<typeof openCatalog>>

/** Datasets and tables of one project: kept in memory to look them up, written through. */
export async function openCatalog(database: Database, projectId: string) {
  const datasets = new Map<string, DatasetResource>()
  const tables = new Map<string, Table>()
  const keyOf = (datasetId: string, tableId: string) => `${datasetId}.${tableId}`
  const toTable = (
    number: number,
    datasetId: string,
    tableId: string,
    resource: TableResource,
  ) => ({
    number,
    datasetId,
    tableId,
    fullName: `${projectId}:${datasetId}.${tableId}`,
    resource,
    fields: fieldsOf(resource),
    partitioning: partitioningOf(resource),
    requiresFilter: requiresFilter(resource),
  })
  const keep = (table: Table) => void tables.set(keyOf(table.datasetId, table.tableId), table)

  await database.write(async (tx) => {
    await tx.rows(ownTables)
    for (const [id, text] of await tx.rows('select id, resource from datasets')) {
      datasets.set(String(id), JSON.parse(String(text)) as DatasetResource)
    }
    for (const row of await tx.rows('select number, dataset, id, resource from tables')) {
      const [number, datasetId, tableId, text] = row
      const resource = JSON.parse(String(text)) as TableResource
      keep(toTable(Number(number), String(datasetId), String(tableId), resource))
    }
  })

  function getDataset(id: string): DatasetResource {
    const found = datasets.get(id)
    if (!found) throw notFound(`Dataset ${projectId}:${id}`)
    return found
  }

  function getTable(datasetId: string, tableId: string): Table {
    getDataset(datasetId)
    const found = tables.get(keyOf(datasetId, tableId))
    if (!found) throw notFound(`Table ${projectId}:${datasetId}.${tableId}`)
    return found
  }

  return {
    projectId,
    getDataset,
    listDatasets: () => [...datasets.keys()].sort(),
    insertDataset(id: string, resource: DatasetResource): Promise<void> {
      return database.write(async (tx) => {
        if (datasets.has(id)) throw duplicate(`Dataset ${projectId}:${id}`)
        const text = JSON.stringify(resource)
        await tx.rows('insert into datasets values ($id, $text)', { id, text })
        datasets.set(id, resource)
      })
    },

    getTable,
    listTables(datasetId: string): Table[] {
      getDataset(datasetId)
      const found = [...tables.values()].filter((table) => table.datasetId === datasetId)
      return found.sort((a, b) => (a.tableId < b.tableId ? -1 : 1))
    },
    insertTable(datasetId: string, tableId: string, resource: TableResource): Promise<Table> {
      getDataset(datasetId)
      return database.write(async (tx) => {
        if (tables.has(keyOf(datasetId, tableId))) {
          throw duplicate(`Table ${projectId}:${datasetId}.${tableId}`)
        }
        const [[next] = []] = await tx.rows(`select nextval('table_numbers')`)
        const table = toTable(Number(next), datasetId, tableId, resource)
        await createRows(tx, table)
        await store(tx, table)
        keep(table)
        return table
      })
    },
    replaceTable(before: Table, resource: TableResource): Promise<Table> {
      return database.write(async (tx) => {
        const after = toTable(before.number, before.datasetId, before.tableId, resource)
        checkSchemaChange(before.fullName, before.fields, after.fields)
        await addColumns(tx, before, after)
        await tx.rows('delete from tables where number = $number', { number: before.number })
        await store(tx, after)
        keep(after)
        return after
      })
    },
    deleteTable(table: Table): Promise<void> {
      return database.write(async (tx) => {
        await tx.rows(`drop table ${rowsOf(table)}`)
        for (const own of ['tables', 'partition_sizes']) {
          await tx.rows(`delete from ${own} where number = $number`, { number: table.number })
        }
        tables.delete(keyOf(table.datasetId, table.tableId))
      })
    },
  }
}

async function createRows(tx: Connection, table: Table): Promise<void> {
  const columns = table.fields.map(
    (field) => `${quote(field.name)} ${storedTypeSql(typeOf(field))}`,
  )
  await tx.rows(`create table ${rowsOf(table)} (${columns.join(', ')})`)
}

async function addColumns(tx: Connection, before: Table, after: Table): Promise<void> {
  for (const field of after.fields) {
    if (before.fields.some(({ name }) => name === field.name)) continue
    const column = `${quote(field.name)} ${storedTypeSql(typeOf(field))}`
    await tx.rows(`alter table ${rowsOf(after)} add column ${column}`)
  }
}

async function store(tx: Connection, table: Table): Promise<void> {
  await tx.rows('insert into tables values ($number, $dataset, $id, $resource)', {
    number: table.number,
    dataset: table.datasetId,
    id: table.tableId,
    resource: JSON.stringify(table.resource),
  })
}
