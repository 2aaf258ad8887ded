import { vi } from 'vitest'
import { mapLimit } from '../../src/lib/map-limit.ts'
import type { TestGateway } from './gateway.ts'
import { freePort, isReady, type Program, runProgram, storesOf } from './program.ts'

/** Servers of the API over the same stores, each on a port that it keeps. */
export interface Instances extends AsyncDisposable {
  ports: readonly number[]
  /** Ends one by SIGTERM, and starts it again on its port. */
  restart(index: number): Promise<{ code: number | null; exitMs: number }>
  /** For good, and without warning. */
  kill(index: number): Promise<void>
}

/** With the drain that they have by default. */
export async function startInstances(
  gateway: TestGateway,
  dataDir: string,
  count: number,
): Promise<Instances> {
  const running: Program[] = []
  const ports: number[] = []
  const start = async (index: number, port: number) => {
    const server = runProgram(['serve'], {
      ...storesOf(gateway),
      DATA_DIR: dataDir,
      PORT: String(port),
      LOG_LEVEL: 'warn',
      STOP_DRAIN_MS: '4000',
    })
    running[index] = server
    const hasEnded = () => server.child.exitCode !== null
    await vi.waitUntil(async () => hasEnded() || (await isReady(port)), {
      timeout: 60_000,
      interval: 50,
    })
    if (hasEnded()) throw new Error(`The server does not start: ${server.output()}`)
  }
  const stop = async (index: number, signal: 'SIGTERM' | 'SIGKILL') => {
    const server = running[index]
    server?.child.kill(signal)
    return server?.exited ?? null
  }
  await using opened = new AsyncDisposableStack()
  opened.defer(async () => {
    await Promise.all(running.map((server) => server[Symbol.asyncDispose]()))
  })
  for (let index = 0; index < count; index++) ports.push(await freePort())
  await mapLimit(ports, count, (port, index) => start(index, port))
  const owned = opened.move()
  return {
    ports,
    async restart(index) {
      const stoppedAt = performance.now()
      const code = await stop(index, 'SIGTERM')
      const exitMs = performance.now() - stoppedAt
      await start(index, ports[index] ?? 0)
      return { code, exitMs }
    },
    kill: async (index) => void (await stop(index, 'SIGKILL')),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}
