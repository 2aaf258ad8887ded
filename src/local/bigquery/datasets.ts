import { z } from 'zod'
import type { Reply } from '../exchange.ts'
import type { DatasetResource } from './catalog.ts'
import { ok } from './replies.ts'
import { read, type RouteRequest, type State } from './route-request.ts'

const NewDataset = z.strictObject({
  datasetReference: z.object({ datasetId: z.string().regex(/^\w{1,1024}$/) }).loose(),
  location: z.string().optional(),
  description: z.string().optional(),
  friendlyName: z.string().optional(),
  labels: z.record(z.string(), z.string()).optional(),
})

/** https://cloud.google.com/bigquery/docs/reference/rest/v2/datasets/insert */
export async function insertDataset({ state, json }: RouteRequest): Promise<Reply> {
  const { datasetReference, location = state.place.location, ...rest } = read(NewDataset, json)
  const { datasetId } = datasetReference
  const resource = { ...rest, location, creationTime: state.clock.now() }
  await state.catalog.insertDataset(datasetId, resource)
  return ok(showDataset(state, datasetId, resource))
}

/** https://cloud.google.com/bigquery/docs/reference/rest/v2/datasets/get */
export function getDataset({ state, dataset }: RouteRequest): Reply {
  return ok(showDataset(state, dataset, state.catalog.getDataset(dataset)))
}

/** https://cloud.google.com/bigquery/docs/reference/rest/v2/datasets/list */
export function listDatasets({ state }: RouteRequest): Reply {
  const datasets = state.catalog
    .listDatasets()
    .map((id) => showDataset(state, id, state.catalog.getDataset(id)))
  return ok({ kind: 'bigquery#datasetList', datasets })
}

function showDataset({ place: { projectId } }: State, id: string, resource: DatasetResource) {
  const { creationTime, ...rest } = resource
  return {
    kind: 'bigquery#dataset',
    id: `${projectId}:${id}`,
    datasetReference: { projectId, datasetId: id },
    ...rest,
    creationTime: String(creationTime),
    lastModifiedTime: String(creationTime),
  }
}
