import type { Contender } from './contenders.ts'
import type { LoadOrder, LoadResult } from './load-generator.ts'
import {
  answerAll,
  checkAnswers,
  checkContents,
  type Endpoint,
  type PageRequest,
  walkPages,
} from './pages.ts'
import { profileFlags, type Program, startProgram } from './program.ts'
import type { Bench } from './section.ts'

export interface MeasureOptions {
  /** Its name. */
  section: string
  /** The first, the gateway, says what the right answers are. */
  contenders: readonly [Contender, ...Contender[]]
  bodies: readonly string[]
  token: string
}

export interface Measurement extends LoadResult {
  /** Of the contender's own process; undefined where that cannot be told. */
  cpuMsPerRequest: number | undefined
}

/** Of each contender, by its name. */
export type Round = Readonly<Record<string, Measurement>>

/** A contender that runs and is known to give the right answers. */
interface Running {
  name: string
  program: Program
  requests: LoadOrder['requests']
}

/** The code of each contender is compiled in its first warm-up; the others come before each measurement. */
const full = { rounds: 7, durationMs: 3_000, warmUpMs: 300, firstWarmUpMs: 2_000 }
const quick = { rounds: 3, durationMs: 1_200, warmUpMs: 200, firstWarmUpMs: 1_000 }

/**
 * All contenders are up all the time, but only one is under load. Who begins changes from round to round,
 * so that a machine that gets slower is unfair to nobody. One wrong answer ends it all.
 */
export async function measure(bench: Bench, options: MeasureOptions): Promise<Round[]> {
  const { section } = options
  const size = bench.quick ? quick : full
  const count = bench.options.rounds ?? size.rounds
  await using programs = new AsyncDisposableStack()
  const running = await startAll(bench, options, programs)
  const press = async ({ name, program, requests }: Running, durationMs: number) => {
    bench.signal.throwIfAborted()
    const { connections } = bench.options
    const order = { url: program.url, token: options.token, requests, connections, durationMs }
    const result = await bench.load.run(order)
    if (result.errors === 0) return result
    throw new Error(`${name} gave ${result.errors} wrong answers of ${result.answered}`)
  }
  for (const contender of running) await press(contender, size.firstWarmUpMs)
  const rounds: Round[] = []
  while (rounds.length < count) {
    const round: Record<string, Measurement> = {}
    for (const contender of rounds.length % 2 === 0 ? running : running.toReversed()) {
      await press(contender, size.warmUpMs)
      const cpuBefore = await contender.program.cpuMs()
      const result = await press(contender, size.durationMs)
      const cpuAfter = await contender.program.cpuMs()
      const cpuMsPerRequest =
        cpuBefore === undefined || cpuAfter === undefined
          ? undefined
          : (cpuAfter - cpuBefore) / result.answered
      round[contender.name] = { ...result, cpuMsPerRequest }
    }
    rounds.push(round)
    const speeds = running.map(({ name }) => `${name} ${Math.round(round[name]?.perSecond ?? 0)}/s`)
    bench.progress(`${section} ${rounds.length}/${count}: ${speeds.join(', ')}`)
  }
  return rounds
}

async function startAll(
  { options: { profileDir }, progress, signal }: Bench,
  { section, contenders, bodies, token }: MeasureOptions,
  programs: AsyncDisposableStack,
): Promise<Running[]> {
  const running: Running[] = []
  let reference: PageRequest[] | undefined
  for (const { name, program: command, ownQuery } of contenders) {
    signal.throwIfAborted()
    const nodeFlags = profileFlags(profileDir, `${section}-${name}`)
    const program = programs.use(await startProgram({ ...command, nodeFlags }))
    const endpoint = { url: program.url, token }
    reference ??= await answerAll(endpoint, bodies)
    const requests = await checkContender(endpoint, ownQuery, reference)
    progress(`${section} ${name}: gives the right answer to ${requests.length} requests`)
    running.push({ name, program, requests: requests.map(expectSize) })
  }
  return running
}

/** Throws unless its answers are right. */
async function checkContender(
  endpoint: Endpoint,
  ownQuery: string | undefined,
  reference: PageRequest[],
): Promise<PageRequest[]> {
  if (ownQuery === undefined) {
    await checkAnswers(endpoint, reference)
    return reference
  }
  const requests = await walkPages(endpoint, ownQuery)
  checkContents(requests, reference)
  return requests
}

function expectSize({ body, answer }: PageRequest) {
  return { body, answerBytes: Buffer.byteLength(answer) }
}
