import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { freePort } from '../free-port.ts'
import { runKeeper } from '../keeper.ts'
import { BigQueryDetails } from './open.ts'
import { startBigQueryServer } from './server.ts'

await runKeeper(async ({ dataDir }, previous) => {
  const before = BigQueryDetails.safeParse(previous).data
  const { projectId, token } = before ?? {
    projectId: 'local-gateway',
    token: `ya29.local-${randomBytes(24).toString('base64url')}`,
  }
  const port = await freePort(before && Number(new URL(before.url).port))
  const server = await startBigQueryServer({
    file: join(dataDir, 'bigquery.duckdb'),
    projectId,
    token,
    port,
  })
  return {
    details: { url: server.url, projectId, token },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
})
