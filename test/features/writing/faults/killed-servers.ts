import { setTimeout as delay } from 'node:timers/promises'
import { expect, vi } from 'vitest'
import { openIssuer } from '../../../../src/local/issuer.ts'
import { createQuery, startGateway, type TestTenant } from '../../../support/gateway.ts'
import { expectIntact, expireLeases } from '../../../support/integrity.ts'
import {
  freePort,
  isReady,
  type Program,
  runProgram,
  storesOf,
  temporaryDirectory,
} from '../../../support/program.ts'
import { chooseSeed, tell } from '../../../support/random.ts'
import { Workload } from '../../../support/workload.ts'

export interface KillOptions {
  kills: number
  /** From one kill to the next. */
  everyMs: number
  writesPerSecond: number
}

/** A server is killed so many times while clients write at a steady rate, whether it is up or not. */
export async function surviveKills(options: KillOptions): Promise<void> {
  const { kills, everyMs, writesPerSecond } = options
  const seed = chooseSeed()
  await using gateway = await startGateway()
  await using directory = await temporaryDirectory()
  const port = await freePort()
  const env = { ...storesOf(gateway), DATA_DIR: directory.path, PORT: String(port) }
  const tenant = await locallyKnown(await gateway.newTenant(), directory.path)
  const api = { query: createQuery(`http://127.0.0.1:${port}/graphql`) }
  const { admin } = gateway.database
  using workload = new Workload({ api, tenant, seed, admin })
  // So that every kill finds writes under way.
  gateway.zerodb.faults.add({ operation: 'insert', kind: 'latency', ms: 5, jitterMs: 25 })
  let server = await startServer(port, env)
  await using _server = { [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() }
  const stop = new AbortController()
  const backAfter: number[] = []
  const killUnderLoad = async () => {
    for (let kill = 0; kill < kills; kill++) {
      await delay(everyMs * (0.5 + Math.random()))
      server.child.kill('SIGKILL')
      await server.exited
      const startedAt = performance.now()
      const before = workload.succeeded
      server = await startServer(port, env)
      await vi.waitUntil(() => workload.succeeded > before, { timeout: 10_000, interval: 5 })
      backAfter.push(Math.round(performance.now() - startedAt))
    }
    stop.abort()
  }
  await Promise.all([workload.runAtRate(stop.signal, writesPerSecond), killUnderLoad()])

  tell(
    `killed servers: ${workload.tally()}; first success ${backAfter.join(', ')} ms after a start`,
  )
  expect(server.child.exitCode).toBeNull()
  await workload.expectExactly(admin)
  await expireLeases(gateway)
  await gateway.sweep()
  await expectIntact(gateway)
  await using fsck = runProgram(['fsck'], env)
  expect({ code: await fsck.exited, output: fsck.output() }).toMatchObject({
    code: 0,
    output: expect.stringContaining('clean'),
  })
}

/** The settings of a program that is to use the stores of `gateway`. */
/** The tenant with its owner's token from the issuer that a server with this DATA_DIR trusts. */
async function locallyKnown(tenant: TestTenant, dataDir: string): Promise<TestTenant> {
  const issuer = await openIssuer(dataDir)
  const claims = { subject: 'owner@test', tenantId: tenant.id, audience: 'content-gateway' }
  return { ...tenant, tokens: { ...tenant.tokens, owner: await issuer.sign(claims) } }
}

async function startServer(port: number, env: Record<string, string>): Promise<Program> {
  const server = runProgram(['serve'], env)
  await vi
    .waitUntil(() => isReady(port), { timeout: 20_000, interval: 10 })
    .catch((error) => {
      throw new Error(`The server does not start: ${server.output()}`, { cause: error })
    })
  return server
}
