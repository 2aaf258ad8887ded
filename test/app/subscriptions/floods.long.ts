import { readFile } from 'node:fs/promises'
import { expect, test, vi } from 'vitest'
import { openIssuer } from '../../../src/local/issuer.ts'
import { startGateway, type TestGateway } from '../../support/gateway.ts'
import { openBareSocket, refusedUpgrade } from '../../support/live.ts'
import {
  freePort,
  isReady,
  type Program,
  runProgram,
  storesOf,
  temporaryDirectory,
} from '../../support/program.ts'

function serve(gateway: TestGateway, port: number, dataDir: string): Program {
  const { models } = gateway.neighbours
  return runProgram(['serve'], {
    PORT: String(port),
    DATA_DIR: dataDir,
    LOG_LEVEL: 'error',
    ...storesOf(gateway),
    LLM_BASE_URL: models.compatible.baseUrl ?? '',
  })
}

/** Of the process, in MiB: VmRSS of proc(5). */
async function residentMb({ child }: Program): Promise<number> {
  const status = await readFile(`/proc/${child.pid}/status`, 'utf8')
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) / 1024
}

test('floods of sockets, of bytes, of subscriptions and of pings take no more than 32 MB', async () => {
  await using gateway = await startGateway()
  await using directory = await temporaryDirectory()
  const { id: tenantId } = await gateway.newTenant()
  const issuer = await openIssuer(directory.path)
  const token = await issuer.sign({ subject: 'owner@test', tenantId, audience: 'content-gateway' })
  const port = await freePort()
  await using program = serve(gateway, port, directory.path)
  await vi.waitUntil(() => isReady(port), { timeout: 20_000 })
  const url = `http://127.0.0.1:${port}/graphql`
  const ask = () => fetch(url, { method: 'POST', body: '{}' }).then((answer) => answer.text())
  for (let n = 0; n < 200; n++) await ask()
  const before = await residentMb(program)
  let most = before
  const timer = setInterval(() => {
    void residentMb(program).then((now) => (most = Math.max(most, now)))
  }, 50)

  const idle = await Promise.all(Array.from({ length: 20 }, () => openBareSocket(url)))
  const refused = await Promise.all(Array.from({ length: 980 }, () => refusedUpgrade(url, {})))
  expect(new Set(refused)).toEqual(new Set([429]))
  expect(new Set(await Promise.all(idle.map(({ closed }) => closed)))).toEqual(new Set([4408]))

  const init = { type: 'connection_init', payload: { authorization: `Bearer ${token}` } }
  for (let n = 0; n < 3; n++) {
    using large = await openBareSocket(url)
    large.send({ ...init, payload: { padding: 'x'.repeat(90_000_000) } })
    expect(await large.closed).toBe(1009)
  }

  using greedy = await openBareSocket(url)
  greedy.send(init)
  await vi.waitUntil(() => greedy.received.some(({ type }) => type === 'connection_ack'), {
    timeout: 5_000,
  })
  const payload = { query: 'subscription { quotaChanged { sequence } }' }
  for (let n = 0; n < 20_000; n++) greedy.send({ type: 'subscribe', id: String(n), payload })
  expect(await greedy.closed).toBe(4429)

  using eager = await openBareSocket(url)
  for (let n = 0; n < 10_000; n++) eager.socket.ping()
  expect(await eager.closed).toBe(4429)

  clearInterval(timer)
  expect(most - before).toBeLessThanOrEqual(32)
})
