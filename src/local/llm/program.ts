import { randomBytes } from 'node:crypto'
import { freePort } from '../free-port.ts'
import { runKeeper } from '../keeper.ts'
import { LlmDetails } from './open.ts'
import { startLlmServer, type Pace } from './server.ts'

/** Slow enough to watch a job at work. */
const pace: Pace = { latencyMs: 400, msPerToken: 6 }

await runKeeper(async (_order, previous) => {
  const before = LlmDetails.safeParse(previous).data
  const apiKey = before?.apiKey ?? `sk-local-${randomBytes(24).toString('base64url')}`
  const port = await freePort(before && Number(new URL(before.url).port))
  const server = await startLlmServer({ ...pace, port })
  return {
    details: { url: server.url, apiKey },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
})
