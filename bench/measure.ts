import type { LoadGenerator, LoadResult } from './load-generator.ts'
import { checkAnswers, type PageRequest } from './pages.ts'
import { profileFlags, type Program, startProgram } from './program.ts'
import { type Contender, contenders, type Scenario } from './scenarios.ts'

export interface MeasureOptions {
  scenarios: readonly Scenario[]
  pages: readonly PageRequest[]
  token: string
  rounds: number
  connections: number
  /** Of each measurement, and of the warm-up right before it. */
  durationMs: number
  warmUpMs: number
  /** Where each contender leaves a CPU profile when it stops. */
  profileDir?: string | undefined
  onProgress: (line: string) => void
  signal: AbortSignal
}

export interface Measurement extends LoadResult {
  /** Of the contender's own process; undefined where that cannot be told. */
  cpuMsPerRequest: number | undefined
}

/** Round by round, all contenders one after the other. */
export type Rounds = Record<Contender, Measurement>[]

export interface ScenarioResult {
  scenario: Scenario
  rounds: Rounds
}

/** Each contender is warmed up for longer before the first round: its code is compiled then. */
const firstWarmUpMs = 2_000

/**
 * All contenders of all scenarios are up for the whole run, but only one is under load at a time. Who
 * begins changes from round to round, so that a machine that gets slower is unfair to nobody.
 */
export async function measure(
  load: LoadGenerator,
  options: MeasureOptions,
): Promise<ScenarioResult[]> {
  await using running = new AsyncDisposableStack()
  const results: (ScenarioResult & { programs: Record<Contender, Program> })[] = []
  for (const scenario of options.scenarios) {
    const start = async (contender: Contender) =>
      running.use(await startContender(scenario, contender, options))
    const programs = { gateway: await start('gateway'), limit: await start('limit') }
    results.push({ scenario, rounds: [], programs })
  }
  const { connections, token, pages } = options
  const requests = pages.map(({ body, answer }) => ({
    body,
    answerBytes: Buffer.byteLength(answer),
  }))
  const press = (program: Program, durationMs: number) => {
    options.signal.throwIfAborted()
    return load.run({ url: program.url, token, requests, connections, durationMs })
  }
  for (const { programs } of results) {
    for (const contender of contenders) await press(programs[contender], firstWarmUpMs)
  }
  for (let round = 1; round <= options.rounds; round++) {
    const order = round % 2 === 1 ? contenders : contenders.toReversed()
    for (const { scenario, rounds, programs } of results) {
      const measured: Partial<Record<Contender, Measurement>> = {}
      for (const contender of order) {
        const program = programs[contender]
        await press(program, options.warmUpMs)
        const cpuBefore = await program.cpuMs()
        const result = await press(program, options.durationMs)
        const cpuAfter = await program.cpuMs()
        const cpuMsPerRequest =
          cpuBefore === undefined || cpuAfter === undefined
            ? undefined
            : (cpuAfter - cpuBefore) / result.answered
        measured[contender] = { ...result, cpuMsPerRequest }
        options.onProgress(
          `round ${round}/${options.rounds} ${scenario.name} ${contender}: ${Math.round(result.perSecond)}/s`,
        )
      }
      rounds.push(measured as Record<Contender, Measurement>)
    }
  }
  return results.map(({ scenario, rounds }) => ({ scenario, rounds }))
}

/** Started, and known to answer every request with the right bytes. */
async function startContender(
  scenario: Scenario,
  contender: Contender,
  { pages, token, profileDir, onProgress }: MeasureOptions,
): Promise<Program> {
  const nodeFlags = profileFlags(profileDir, `${scenario.name}-${contender}`)
  await using starting = new AsyncDisposableStack()
  const program = starting.use(await startProgram({ ...scenario.programs[contender], nodeFlags }))
  await checkAnswers({ url: program.url, token }, pages)
  onProgress(`${scenario.name} ${contender}: gives the right answer to ${pages.length} requests`)
  starting.move()
  return program
}
