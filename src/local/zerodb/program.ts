import { randomBytes, randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { freePort } from '../free-port.ts'
import { runKeeper } from '../keeper.ts'
import { ZeroDbDetails } from './open.ts'
import { startZeroDbServer } from './server.ts'

await runKeeper(async ({ dataDir }, previous) => {
  const before = ZeroDbDetails.safeParse(previous).data
  const { projectId, apiKey } = before ?? {
    projectId: randomUUID(),
    apiKey: `sk_local_${randomBytes(24).toString('base64url')}`,
  }
  const port = await freePort(before && Number(new URL(before.url).port))
  const server = await startZeroDbServer({
    file: join(dataDir, 'zerodb.sqlite'),
    projectId,
    apiKey,
    port,
  })
  return {
    details: { url: server.url, projectId, apiKey },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
})
