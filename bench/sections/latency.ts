import { median, tenths } from '../figures.ts'
import type { LoadOrder, LoadResult } from '../load-generator.ts'
import type { PageRequest } from '../pages.ts'
import { profileFlags, type Program, startProgram } from '../program.ts'
import { gateway } from '../contenders.ts'
import type { Bench, Section, SectionResult, Target } from '../section.ts'
import { renderTable } from '../table.ts'
import type { World } from '../world.ts'
import { countQueries, timeRoundTrips } from '../zerodb.ts'

/** What every call of ZeroDB takes longer: far more than all the rest, so that a second trip shows. */
const zerodbMs = 100
const clients = 16
const crowdSize = 256
const roundTrips = 30
/** Without the latency; node compiles the code then. */
const warmUpMs = 2_000

const ownMs = 25
const warmMs = 15
const requestsPerList = 0.1

/** How long pages take where the store of bodies is far away. */
export const latency: Section = {
  name: 'latency',
  about: `20 contents with bodies, ZeroDB ${zerodbMs} ms slower`,
  run: measureLatency,
}

interface Figures {
  /** Past the gateway, one at a time; the median. */
  roundTripMs: number
  /** One client: what is beyond the round trip is the gateway's own time. */
  alone: LoadResult
  cold: LoadResult
  /** Each client asks for another page … */
  crowd: Crowd
  /** … or all of them for the first one. */
  sameList: Crowd
  warm: LoadResult
  /** At half the throughput of `warm`, in an open loop: nobody waits for a machine that is busy. */
  calm: LoadResult
}

type Crowd = LoadResult & { zerodbRequestsPerList: number }

async function measureLatency(bench: Bench): Promise<SectionResult> {
  const { world, pages } = await bench.shared()
  await using reset = new AsyncDisposableStack()
  reset.defer(() => world.slowDownZeroDb('*', 0))
  const figures = {
    ...(await measureCold(bench, world, pages)),
    ...(await measureWarm(bench, world, pages)),
  }
  return { table: render(figures), targets: targetsOf(figures), figures }
}

async function measureCold(bench: Bench, world: World, pages: readonly PageRequest[]) {
  await using program = await start(bench, world, 0)
  const order = orderFor(bench, world, program, pages)
  await warmUp(bench, world, order)
  const roundTripMs = median(await timeRoundTrips(world, roundTrips))
  const alone = await press(bench, 'cold, one client', { ...order, connections: 1 })
  const cold = await press(bench, `cold, ${clients} clients`, order)
  const measureCrowd = async (name: string, crowded: LoadOrder): Promise<Crowd> => {
    let result: LoadResult | undefined
    const queries = await countQueries(world, async () => {
      result = await press(bench, name, crowded)
    })
    if (!result) throw new Error('nothing was measured')
    return { ...result, zerodbRequestsPerList: queries / result.answered }
  }
  const crowded = { ...order, connections: crowdSize }
  const crowd = await measureCrowd(`cold, ${crowdSize} clients`, crowded)
  const sameList = await measureCrowd(`cold, ${crowdSize} clients, one list`, {
    ...crowded,
    requests: order.requests.slice(0, 1),
  })
  return { roundTripMs, alone, cold, crowd, sameList }
}

async function measureWarm(bench: Bench, world: World, pages: readonly PageRequest[]) {
  await using program = await start(bench, world, 512)
  const order = orderFor(bench, world, program, pages)
  await warmUp(bench, world, order)
  const warm = await press(bench, `warm, ${clients} clients`, order)
  const calm = await press(bench, 'warm, at half that rate', {
    ...order,
    perSecond: warm.perSecond / 2,
  })
  return { warm, calm }
}

function start({ options }: Bench, world: World, cacheMb: number): Promise<Program> {
  const nodeFlags = profileFlags(options.profileDir, `latency-${cacheMb}-mb`)
  return startProgram({ ...gateway(world, cacheMb), nodeFlags })
}

function orderFor(
  { quick }: Bench,
  { token }: World,
  { url }: Program,
  pages: readonly PageRequest[],
): LoadOrder {
  const requests = pages.map(({ body, answer }) => ({
    body,
    answerBytes: Buffer.byteLength(answer),
  }))
  return { url, token, requests, connections: clients, durationMs: quick ? 5_000 : 20_000 }
}

/** Every page once at least: all bodies are in memory then, where there is room for them. */
async function warmUp({ load, signal }: Bench, world: World, order: LoadOrder): Promise<void> {
  await world.slowDownZeroDb('*', 0)
  for (let asked = 0; asked < order.requests.length;) {
    signal.throwIfAborted()
    asked += (await load.run({ ...order, durationMs: warmUpMs })).answered
  }
  await world.slowDownZeroDb('*', zerodbMs)
}

async function press(
  { load, signal, progress }: Bench,
  name: string,
  order: LoadOrder,
): Promise<LoadResult> {
  signal.throwIfAborted()
  const result = await load.run(order)
  progress(`latency: ${name}: p95 ${tenths(result.p95Ms)} ms`)
  if (result.errorExample !== undefined) progress(`latency: ${name}: ${result.errorExample}`)
  return result
}

function targetsOf({ roundTripMs, ...loads }: Figures): Target[] {
  const { cold, crowd, warm } = loads
  const errors = Object.values(loads).reduce((sum, one) => sum + one.errors, 0)
  return [
    {
      what: `latency: cold, p95 ms (a round trip to ZeroDB + ${ownMs})`,
      measured: cold.p95Ms,
      relation: '≤',
      target: Math.round(roundTripMs + ownMs),
    },
    { what: 'latency: warm, p95 ms', measured: warm.p95Ms, relation: '≤', target: warmMs },
    {
      what: `latency: cold, ${crowdSize} clients, ZeroDB requests per list`,
      measured: crowd.zerodbRequestsPerList,
      relation: '≤',
      target: requestsPerList,
    },
    { what: 'latency: errors', measured: errors, relation: '≤', target: 0 },
  ]
}

function render({ roundTripMs, alone, cold, crowd, sameList, warm, calm }: Figures): string {
  const row = (name: string, result: LoadResult) => [
    name,
    result.perSecond.toFixed(0),
    ...[result.p50Ms, result.p95Ms, result.p99Ms].map(tenths),
    String(result.errors),
  ]
  const crowdRow = (name: string, result: Crowd) => [
    ...row(name, result),
    result.zerodbRequestsPerList.toFixed(3),
  ]
  return renderTable(`latency: ${latency.about}`, [
    ['', 'lists/s', 'p50 ms', 'p95 ms', 'p99 ms', 'errors', 'ZeroDB requests/list'],
    ['ZeroDB round trip', '', tenths(roundTripMs)],
    row('cold, one client', alone),
    row(`cold, ${clients} clients`, cold),
    crowdRow(`cold, ${crowdSize} clients`, crowd),
    crowdRow(`cold, ${crowdSize} clients, all the first list`, sameList),
    row(`warm, ${clients} clients`, warm),
    row('warm, at half that rate', calm),
  ])
}
