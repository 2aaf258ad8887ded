import { randomUUID } from 'node:crypto'
import type { World } from './world.ts'

/** How many queries ZeroDB receives meanwhile; its stand-in remembers ten thousand calls. */
export async function countQueries(
  { zerodb }: World,
  during: () => Promise<void>,
): Promise<number> {
  const log = `${zerodb.url}/__calls`
  await (await fetch(log, { method: 'DELETE' })).text()
  await during()
  const calls = (await (await fetch(log)).json()) as { operation: string }[]
  return calls.filter(({ operation }) => operation === 'query').length
}

/** Milliseconds of so many round trips past the gateway, one after the other: a query that finds nothing. */
export async function timeRoundTrips(world: World, count: number): Promise<number[]> {
  const times: number[] = []
  for (let index = 0; index < count; index++) {
    const startedAt = performance.now()
    await queryNothing(world)
    times.push(performance.now() - startedAt)
  }
  return times
}

async function queryNothing({ zerodb, tenantId }: World): Promise<void> {
  const { url, projectId, apiKey } = zerodb
  const filter = { id: { $in: [randomUUID()] }, tenant_id: tenantId }
  const response = await fetch(
    `${url}/api/v1/projects/${projectId}/database/tables/content_items/query`,
    {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-api-key': apiKey },
      body: JSON.stringify({ filter, limit: 1, skip: 0 }),
    },
  )
  const answer = await response.text()
  if (!response.ok) throw new Error(`ZeroDB answered ${response.status}: ${answer}`)
}

/** All rows of the tenant, past the gateway. */
export async function deleteRows({ zerodb, tenantId }: World, table: string): Promise<void> {
  const { url, projectId, apiKey } = zerodb
  const response = await fetch(
    `${url}/api/v1/projects/${projectId}/database/tables/${table}/rows/bulk`,
    {
      method: 'DELETE',
      headers: { 'content-type': 'application/json', 'x-api-key': apiKey },
      body: JSON.stringify({ filter: { tenant_id: tenantId }, confirm_large_operation: true }),
    },
  )
  const answer = await response.text()
  if (!response.ok) throw new Error(`ZeroDB answered ${response.status}: ${answer}`)
}
