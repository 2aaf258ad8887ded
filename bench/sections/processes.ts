import { availableParallelism } from 'node:os'
import { median, tenths } from '../figures.ts'
import { type LoadOrder, type LoadResult, startLoadGenerator } from '../load-generator.ts'
import type { PageRequest } from '../pages.ts'
import { type Program, startProgram } from '../program.ts'
import { gateway } from '../contenders.ts'
import type { Bench, Section, SectionResult, Target } from '../section.ts'
import { renderTable } from '../table.ts'
import type { World } from '../world.ts'

const timesOne = 1.6
/** For two processes of the API, two that make the load, PostgreSQL and the system. */
const coresForThroughput = 6

/** What a second process of the API is worth. */
export const processes: Section = {
  name: 'processes',
  about: '20 contents with bodies in memory, from one process of the API and from two',
  run: measureProcesses,
}

interface Round {
  one: Measured
  two: Measured
}

interface Measured {
  perSecond: number
  errors: number
  /** Of the API's processes, all threads; NaN where there is no /proc. */
  cpuMsPerRequest: number
}

async function measureProcesses(bench: Bench): Promise<SectionResult> {
  const { world, pages } = await bench.shared()
  await using running = new AsyncDisposableStack()
  // Each process of the API has a load of its own, which is no bottleneck then.
  const start = async () => ({
    program: running.use(await startProgram(gateway(world, 512))),
    load: running.use(startLoadGenerator()),
  })
  const first = await start()
  const second = await start()
  const connections = Math.ceil(bench.options.connections / 2)
  const order = orderFor(world, pages, connections, bench.quick ? 2_000 : 5_000)
  const press = async (pairs: readonly (typeof first)[]) => {
    bench.signal.throwIfAborted()
    return measure(pairs, order)
  }
  for (const pair of [first, second]) {
    for (let asked = 0; asked < pages.length;) {
      bench.signal.throwIfAborted()
      asked += (await pair.load.run({ ...order, url: pair.program.url })).answered
    }
  }
  const rounds: Round[] = []
  for (let round = 1; round <= (bench.options.rounds ?? (bench.quick ? 5 : 9)); round++) {
    const alone = round % 2 === 1 ? first : second
    const one = await press([alone])
    const two = await press([first, second])
    rounds.push({ one, two })
    bench.progress(
      `processes: round ${round}: one ${tenths(one.perSecond)}/s, two ${tenths(two.perSecond)}/s`,
    )
  }
  return { table: render(rounds), targets: targetsOf(rounds), figures: rounds }
}

type Order = Omit<LoadOrder, 'url'>

function orderFor(
  { token }: World,
  pages: readonly PageRequest[],
  connections: number,
  durationMs: number,
): Order {
  const requests = pages.map(({ body, answer }) => ({
    body,
    answerBytes: Buffer.byteLength(answer),
  }))
  return { token, requests, connections, durationMs }
}

async function measure(
  pairs: readonly { program: Program; load: { run(order: LoadOrder): Promise<LoadResult> } }[],
  order: Order,
): Promise<Measured> {
  const programs = pairs.map(({ program }) => program)
  const before = await cpuMsOf(programs)
  const results = await Promise.all(
    pairs.map(({ program, load }) => load.run({ ...order, url: program.url })),
  )
  const after = await cpuMsOf(programs)
  const sum = (of: (result: LoadResult) => number) =>
    results.reduce((total, result) => total + of(result), 0)
  return {
    perSecond: sum(({ perSecond }) => perSecond),
    errors: sum(({ errors }) => errors),
    cpuMsPerRequest: (after - before) / sum(({ answered }) => answered),
  }
}

async function cpuMsOf(programs: readonly Program[]): Promise<number> {
  const times = await Promise.all(programs.map((program) => program.cpuMs()))
  return times.reduce<number>((sum, time) => sum + (time ?? Number.NaN), 0)
}

function throughputRatio(rounds: readonly Round[]): number {
  return median(rounds.map(({ one, two }) => two.perSecond / one.perSecond))
}

/** What two processes with a core each would answer, if a request costs them what it cost here. */
function capacityRatio(rounds: readonly Round[]): number {
  return median(rounds.map(({ one, two }) => (2 * one.cpuMsPerRequest) / two.cpuMsPerRequest))
}

function targetsOf(rounds: readonly Round[]): Target[] {
  const errors = rounds.reduce((sum, { one, two }) => sum + one.errors + two.errors, 0)
  const isWide = availableParallelism() >= coresForThroughput
  return [
    {
      what: `processes: two ÷ one, by ${isWide ? 'throughput' : 'CPU time per request'}`,
      measured: isWide ? throughputRatio(rounds) : capacityRatio(rounds),
      relation: '≥',
      target: timesOne,
    },
    { what: 'processes: errors', measured: errors, relation: '≤', target: 0 },
  ]
}

function render(rounds: readonly Round[]): string {
  const row = (name: 'one' | 'two') => [
    name,
    tenths(median(rounds.map((round) => round[name].perSecond))),
    median(rounds.map((round) => round[name].cpuMsPerRequest)).toFixed(2),
  ]
  const cores = availableParallelism()
  const table = renderTable(`processes: ${processes.about}`, [
    ['', 'requests/s', 'CPU ms/request'],
    row('one'),
    row('two'),
    ['two ÷ one, throughput', throughputRatio(rounds).toFixed(2)],
    ['two ÷ one, by CPU time', capacityRatio(rounds).toFixed(2)],
  ])
  const note =
    cores >= coresForThroughput
      ? []
      : [
          `  ${cores} cores, which load and stores share: throughput cannot double here. By CPU time is`,
          '  what two processes would reach with a core each, at the price of a request measured here.',
          '',
        ]
  return [table, ...note].join('\n')
}
