import type { Reply } from '../exchange.ts'
import type { Table } from './catalog.ts'
import { totalSize } from './partition-sizes.ts'
import { ok } from './replies.ts'
import { read, type RouteRequest, type State } from './route-request.ts'
import { newTableResource, NewTable, patchedResource, TablePatch } from './table-resource.ts'

/** https://cloud.google.com/bigquery/docs/reference/rest/v2/tables/insert */
export async function insertTable({ state, dataset, json }: RouteRequest): Promise<Reply> {
  const given = read(NewTable, json)
  const resource = newTableResource(given, state.clock.now())
  const { tableId } = given.tableReference
  return ok(await showTable(state, await state.catalog.insertTable(dataset, tableId, resource)))
}

/** https://cloud.google.com/bigquery/docs/reference/rest/v2/tables/get */
export async function getTable({ state, dataset, table }: RouteRequest): Promise<Reply> {
  return ok(await showTable(state, state.catalog.getTable(dataset, table)))
}

/** https://cloud.google.com/bigquery/docs/reference/rest/v2/tables/list */
export function listTables({ state, dataset }: RouteRequest): Reply {
  const found = state.catalog.listTables(dataset)
  const tables = found.map((table) => ({ ...showHead(state, table), type: 'TABLE' }))
  return ok({ kind: 'bigquery#tableList', tables, totalItems: tables.length })
}

/** https://cloud.google.com/bigquery/docs/reference/rest/v2/tables/patch */
export async function patchTable({ state, dataset, table, json }: RouteRequest): Promise<Reply> {
  const before = state.catalog.getTable(dataset, table)
  const resource = patchedResource(before.resource, read(TablePatch, json), state.clock.now())
  return ok(await showTable(state, await state.catalog.replaceTable(before, resource)))
}

/** https://cloud.google.com/bigquery/docs/reference/rest/v2/tables/delete */
export async function deleteTable({ state, dataset, table }: RouteRequest): Promise<Reply> {
  await state.catalog.deleteTable(state.catalog.getTable(dataset, table))
  return { status: 204, body: '' }
}

function showHead({ place: { projectId } }: State, table: Table) {
  const { datasetId, tableId } = table
  return {
    kind: 'bigquery#table',
    id: table.fullName,
    tableReference: { projectId, datasetId, tableId },
  }
}

async function showTable(state: State, table: Table) {
  const { creationTime, lastModifiedTime, ...resource } = table.resource
  const { rows, bytes } = await state.database.read((connection) => totalSize(connection, table))
  return {
    ...showHead(state, table),
    type: 'TABLE',
    location: state.catalog.getDataset(table.datasetId).location,
    ...resource,
    ...(table.partitioning && { requirePartitionFilter: table.requiresFilter }),
    creationTime: String(creationTime),
    lastModifiedTime: String(lastModifiedTime),
    numRows: String(rows),
    numBytes: String(bytes),
  }
}
