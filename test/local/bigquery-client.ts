import { once } from 'node:events'
import { BigQuery, type Job, type Table } from '@google-cloud/bigquery'
import { OAuth2Client } from 'google-auth-library'
import { vi } from 'vitest'
import { startBigQueryServer } from '../../src/local/bigquery/server.ts'
import { canary } from '../support/canaries.ts'

export const projectId = 'local'
export const dataset = 'copies'

/** The vendor's client, which knows of the stand-in no more than its address and a token. */
export function clientOf(access: { url: string; token: string; projectId?: string }): BigQuery {
  const authClient = new OAuth2Client()
  authClient.setCredentials({ access_token: access.token, expiry_date: 8.64e15 })
  const { url: apiEndpoint, projectId: id = projectId } = access
  return new BigQuery({ projectId: id, apiEndpoint, authClient, autoRetry: false })
}

export async function startBigQuery(
  options: { file?: string; loadJobsPerTableAndDay?: number } = {},
) {
  const token = canary('bigquery')
  const server = await startBigQueryServer({ file: ':memory:', projectId, token, ...options })
  return { ...server, token, client: clientOf({ url: server.url, token }) }
}

export const snapshots = {
  schema: [
    { name: 'id', type: 'STRING', mode: 'REQUIRED' },
    { name: 'tenant', type: 'STRING', mode: 'REQUIRED' },
    { name: 'seen_at', type: 'TIMESTAMP', mode: 'REQUIRED' },
    { name: 'text', type: 'STRING' },
    { name: 'version', type: 'INT64' },
    { name: 'price', type: 'NUMERIC' },
    { name: 'rate', type: 'FLOAT64' },
    { name: 'live', type: 'BOOL' },
    { name: 'day', type: 'DATE' },
    { name: 'meta', type: 'JSON' },
    { name: 'tags', type: 'STRING', mode: 'REPEATED' },
  ],
  timePartitioning: { type: 'DAY', field: 'seen_at' },
  requirePartitionFilter: true,
  clustering: { fields: ['tenant'] },
}

/** A server with a partitioned table that has a column of every type. */
export async function startWithTable(options: Parameters<typeof startBigQuery>[0] = {}) {
  const server = await startBigQuery(options)
  await server.client.createDataset(dataset)
  const [table] = await server.client.dataset(dataset).createTable('snapshots', snapshots)
  server.calls.length = 0
  return { ...server, table }
}

export function row(n: number, more: object = {}) {
  const at = new Date(Date.UTC(2026, 0, n)).toISOString()
  return { id: `row-${n}`, tenant: 'a', seen_at: at, text: `Text ${n}`, version: n, ...more }
}

interface LoadOptions {
  jobId?: string
  maxBadRecords?: number
  ignoreUnknownValues?: boolean
}

/** Hands a file over; the job is under way when this returns. */
export async function submit(
  table: Table,
  rows: readonly (object | string)[],
  options: LoadOptions = {},
): Promise<Job> {
  const stream = table.createWriteStream_({
    sourceFormat: 'NEWLINE_DELIMITED_JSON',
    writeDisposition: 'WRITE_APPEND',
    ...options,
  })
  const submitted = once(stream, 'job')
  stream.end(rows.map((one) => (typeof one === 'string' ? one : JSON.stringify(one))).join('\n'))
  const [job] = (await submitted) as [Job]
  return job
}

export async function ended(job: Job) {
  return vi.waitUntil(
    async () => {
      const [{ status, statistics }] = await job.getMetadata()
      return status?.state === 'DONE' && { status, load: statistics?.load }
    },
    { timeout: 20_000, interval: 20 },
  )
}

export async function load(...request: Parameters<typeof submit>) {
  return ended(await submit(...request))
}

/** What a call was refused with. */
export async function refusal(call: Promise<unknown>) {
  const error = await call.then(
    () => undefined,
    (reason: unknown) =>
      reason as { code?: number; message: string; errors?: { reason: string }[] },
  )
  return { code: error?.code, reason: error?.errors?.[0]?.reason, message: error?.message }
}
