import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { vi } from 'vitest'
import { openIssuer } from '../../src/local/issuer.ts'
import type { TestGateway, TestTenant } from './gateway.ts'
import {
  freePort,
  isReady,
  type Program,
  runProgram,
  storesOf,
  temporaryDirectory,
} from './program.ts'

/** The API as a process of its own, over the stores of a gateway. */
export interface Serving extends AsyncDisposable {
  /** Scheme, host and port. */
  url: string
  port: number
  program: Program
  /** Of the tenant's owner. */
  tokenOf(tenant: TestTenant): Promise<string>
  /** VmRSS of proc(5), in MiB. */
  residentMb(): Promise<number>
  /** How late the event loop was since it was last asked, in milliseconds: the 99th percentile. */
  loopDelayMs(): Promise<number>
}

const loopDelay = fileURLToPath(new URL('loop-delay.ts', import.meta.url))

export async function startServing(
  gateway: TestGateway,
  env: Record<string, string> = {},
): Promise<Serving> {
  await using opened = new AsyncDisposableStack()
  const { path: dataDir } = opened.use(await temporaryDirectory())
  const port = await freePort()
  const program = opened.use(
    runProgram(['serve'], {
      ...storesOf(gateway),
      DATA_DIR: dataDir,
      PORT: String(port),
      LOG_LEVEL: 'error',
      // What is measured is the process, not what one tenant may ask of it.
      RATE_LIMIT_POINTS: '0',
      NODE_OPTIONS: `--import=${loopDelay}`,
      ...env,
    }),
  )
  const issuer = await openIssuer(dataDir)
  await vi
    .waitUntil(() => isReady(port), { timeout: 30_000, interval: 50 })
    .catch((error) => {
      throw new Error(`The server does not start: ${program.output()}`, { cause: error })
    })
  const { pid = 0 } = program.child
  const owned = opened.move()
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    program,
    tokenOf: ({ id: tenantId }) =>
      issuer.sign({ subject: 'owner@test', tenantId, audience: 'content-gateway' }),
    async residentMb() {
      const status = await readFile(`/proc/${pid}/status`, 'utf8')
      return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) / 1024
    },
    async loopDelayMs() {
      const told = () => [...program.output().matchAll(/^loop p99 (\d+) ms$/gm)]
      const before = told().length
      process.kill(pid, 'SIGUSR2')
      await vi.waitUntil(() => told().length > before, { timeout: 20_000 })
      return Number(told().at(-1)?.[1])
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}
