import { setTimeout as delay } from 'node:timers/promises'
import { sampleContents } from '../contents.ts'
import { median, tenths } from '../figures.ts'
import type { LoadOrder, LoadResult } from '../load-generator.ts'
import { createAll, walkPages } from '../pages.ts'
import { type Program, startProgram } from '../program.ts'
import { gateway } from '../contenders.ts'
import type { Bench, Section, SectionResult, Target } from '../section.ts'
import { renderTable } from '../table.ts'
import type { World } from '../world.ts'

const cacheMb = 128
const clients = 256
/** Bodies enough to fill the cache and to be driven out of it again. */
const timesCache = 1.25
const sampleMs = 500
const warmUpMs = 3_000

const maxResidentMb = 350

/** What the process of an API holds while its cache is full and many clients are there. */
export const memory: Section = {
  name: 'memory',
  about: `lists with bodies for ${clients} clients, a full cache of ${cacheMb} MB`,
  run: measureMemory,
}

interface Figures {
  contents: number
  /** Of a process that has answered nobody yet. */
  idleMb: number
  /** Every half second, in MB. */
  residentMb: number[]
  /** When the growth begins to count, and where it ends: medians of five samples. */
  settledMb: number
  lastMb: number
  peakMb: number
  growthMb: number
  /** At the end. */
  heapMb: number
  externalMb: number
  cachedMb: number
  load: LoadResult
}

async function measureMemory(bench: Bench): Promise<SectionResult> {
  await using world = await bench.openWorld()
  const contents = contentsFor(bench.options.bodySize)
  const requests = await fill(bench, world, contents)
  const { command, env } = gateway(world, cacheMb)
  await using program = await startProgram({ command, env: { ...env, METRICS_PORT: '0' } })
  const idleMb = await residentMb(program)
  const minutes = bench.quick ? 1 / 3 : 10
  const order: LoadOrder = {
    url: program.url,
    token: world.token,
    requests,
    connections: clients,
    durationMs: minutes * 60_000,
  }
  // As elsewhere: node compiles the code while few are there.
  await bench.load.run({ ...order, connections: bench.options.connections, durationMs: warmUpMs })
  const { samples, load } = await sampleUnder(bench, program, order)
  // The first minute, or half of a run that is shorter than two.
  const settled = Math.min(60_000 / sampleMs, samples.length >> 1)
  const settledMb = median(samples.slice(settled, settled + 5))
  const lastMb = median(samples.slice(-5))
  const figures: Figures = {
    contents,
    idleMb,
    residentMb: samples,
    settledMb,
    lastMb,
    peakMb: Math.max(...samples),
    growthMb: lastMb - settledMb,
    ...(await readMetrics(program)),
    load,
  }
  return { table: render(figures, minutes), targets: targetsOf(figures), figures }
}

function contentsFor(bodySize: number): number {
  const sample = [...sampleContents(1_000, 20_261_120, bodySize)]
  const bytes = sample.reduce((sum, { body }) => sum + Buffer.byteLength(body.raw), 0)
  return Math.ceil((timesCache * cacheMb * 1024 ** 2) / (bytes / sample.length) / 100) * 100
}

/** The requests of all pages. */
async function fill(bench: Bench, world: World, count: number): Promise<LoadOrder['requests']> {
  await using writer = await startProgram(gateway(world, 0))
  const endpoint = { url: writer.url, token: world.token }
  const { bodySize } = bench.options
  await createAll(endpoint, { count, bodySize, brandIds: world.brandIds }, (done) => {
    bench.signal.throwIfAborted()
    if (done % 2_000 === 0) bench.progress(`memory: created ${done} of ${count} contents`)
  })
  await world.settle()
  const pages = await walkPages(endpoint)
  return pages.map(({ body, answer }) => ({ body, answerBytes: Buffer.byteLength(answer) }))
}

async function sampleUnder({ load, progress, signal }: Bench, program: Program, order: LoadOrder) {
  const samples: number[] = []
  const ended = new AbortController()
  const sampling = (async () => {
    while (!ended.signal.aborted) {
      samples.push(await residentMb(program))
      if (samples.length % 20 === 0) progress(`memory: ${tenths(samples.at(-1) ?? 0)} MB resident`)
      await delay(sampleMs, undefined, { signal })
    }
  })()
  const result = load.run(order).finally(() => ended.abort())
  const [measured] = await Promise.all([result, sampling])
  return { samples, load: measured }
}

async function residentMb(program: Program): Promise<number> {
  const resident = await program.residentMb()
  if (resident === undefined) throw new Error('memory is read from /proc, which is not there')
  return resident
}

async function readMetrics({ metricsUrl }: Program) {
  const text = await (await fetch(metricsUrl ?? '')).text()
  const read = (name: string) => {
    const [, value] = new RegExp(`^${name} (\\S+)$`, 'm').exec(text) ?? []
    return Number(value) / 1024 ** 2
  }
  return {
    heapMb: read('gateway_nodejs_heap_size_used_bytes'),
    externalMb: read('gateway_nodejs_external_memory_bytes'),
    cachedMb: read('gateway_cache_bytes\\{cache="bodies"\\}'),
  }
}

function targetsOf({ peakMb, load }: Figures): Target[] {
  return [
    { what: 'memory: resident MB at most', measured: peakMb, relation: '≤', target: maxResidentMb },
    { what: 'memory: errors', measured: load.errors, relation: '≤', target: 0 },
  ]
}

function render(figures: Figures, minutes: number): string {
  const { load } = figures
  const megabytes = [
    ['resident, before the first request', figures.idleMb],
    ['resident, settled', figures.settledMb],
    ['resident, at the end', figures.lastMb],
    ['growth from then to the end', figures.growthMb],
    ['resident, at most', figures.peakMb],
    ['V8 heap used, at the end', figures.heapMb],
    ['external memory, at the end', figures.externalMb],
    ['bodies in the cache, at the end', figures.cachedMb],
  ] as const
  return renderTable(
    `memory: ${memory.about}, ${figures.contents} contents, ${minutes.toFixed(1)} minutes`,
    [
      ['', 'MB'],
      ...megabytes.map(([name, value]) => [name, tenths(value)]),
      ['lists/s', load.perSecond.toFixed(0)],
      ['errors', String(load.errors), load.errorExample ?? ''],
    ],
  )
}
