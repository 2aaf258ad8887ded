import type { ChildProcess } from 'node:child_process'
import { vi } from 'vitest'
import { canary } from './canaries.ts'
import type { TestGateway } from './gateway.ts'
import { type Program, runProgram, storesOf, temporaryDirectory } from './program.ts'

/** A `gateway work`, a process of its own. */
export interface Worker extends Program {
  /** Calls of it that the model is at work on. */
  callsUnderWay(): number
  /** Ends it without warning, as a machine does. */
  kill(): Promise<void>
  /** Asks it to stop; answers its exit code. */
  stop(): Promise<number | null>
}

/** Workers over the stores of one gateway, as on so many machines. */
export interface Crew extends AsyncDisposable {
  /** Resolves when it works; `env` overrides settings by their environment names. */
  start(env?: Record<string, string>): Promise<Worker>
  /** Those that have not ended. */
  working(): Worker[]
  /** One that waits for a model's answer, as soon as there is one. */
  busy(): Promise<Worker>
}

export async function openCrew(gateway: TestGateway): Promise<Crew> {
  await using opened = new AsyncDisposableStack()
  const directory = opened.use(await temporaryDirectory())
  const workers: Worker[] = []
  const working = () => workers.filter(({ child }) => !hasEnded(child))
  opened.defer(async () => {
    // One that sleeps would not hear that it is to stop.
    for (const { child } of workers) child.kill('SIGCONT')
    await Promise.all(workers.map((worker) => worker[Symbol.asyncDispose]()))
  })
  const owned = opened.move()
  return {
    async start(env) {
      const worker = launch(gateway, { DATA_DIR: directory.path, ...env })
      workers.push(worker)
      await untilItWorks(worker)
      return worker
    },
    working,
    busy: () =>
      vi.waitUntil(() => working().find((worker) => worker.callsUnderWay() > 0), {
        timeout: 30_000,
        interval: 5,
      }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

function launch(gateway: TestGateway, env: Record<string, string>): Worker {
  const { llm, neighbours } = gateway
  const { models } = neighbours
  // Its own, by which the model knows it.
  const key = canary('worker')
  const program = runProgram(['work'], {
    ...storesOf(gateway),
    LLM_BASE_URL: models.compatible.baseUrl ?? '',
    LLM_API_KEY: key,
    ...env,
  })
  const end = (signal: NodeJS.Signals) => {
    program.child.kill(signal)
    return program.exited
  }
  return {
    ...program,
    callsUnderWay: () => llm.gauge.read(key).now,
    kill: async () => void (await end('SIGKILL')),
    stop: () => end('SIGTERM'),
  }
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null
}

/** Or until a test has killed it. */
async function untilItWorks({ child, output }: Worker): Promise<void> {
  await vi.waitUntil(() => hasEnded(child) || output().includes('"msg":"working"'), {
    timeout: 30_000,
    interval: 10,
  })
  if (child.exitCode !== null) throw new Error(`The worker does not start: ${output()}`)
}
