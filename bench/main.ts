import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { cpus, release, tmpdir, totalmem } from 'node:os'
import { join, resolve } from 'node:path'
import { Command, InvalidArgumentError, Option } from 'commander'
import { medianCharacters } from './contents.ts'
import { measureGeneration } from './generation.ts'
import {
  type GenerationReport,
  renderGeneration,
  summarizeGeneration,
} from './generation-report.ts'
import { startLoadGenerator } from './load-generator.ts'
import { measure } from './measure.ts'
import { createAll, pageSize, type PageRequest, walkPages } from './pages.ts'
import { profileFlags, startProgram } from './program.ts'
import { render, summarize } from './report.ts'
import { gateway, scenarioNames, scenariosOf } from './scenarios.ts'
import { openWorld, type World } from './world.ts'
import { renderWrites, summarizeWrites, type WritesReport } from './writes-report.ts'
import { measureWrites } from './writes.ts'

interface Options {
  quick?: true
  json?: string
  rounds?: number
  connections: number
  bodySize: number
  only?: string
  zerodbLatency?: number
  profile?: string
}

const program = new Command('bench')
  .description('The gateway against the least its work can cost.')
  .option('--quick', 'fewer contents, shorter measurements: less than two minutes')
  .option('--json <file>', 'also write every figure to this file')
  .option('--rounds <count>', 'pairs of measurements', positive)
  .option('--connections <count>', 'requests at a time', positive, 16)
  .option('--body-size <characters>', 'median size of a body', positive, medianCharacters)
  .addOption(
    new Option('--only <scenario>', 'measure just this one').choices([
      ...scenarioNames,
      'writes',
      'generation',
    ]),
  )
  .option('--zerodb-latency <ms>', 'what each query of ZeroDB takes longer', positive)
  .option('--profile <directory>', 'leave a CPU profile of each contender there')
  .parse()

function positive(text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new InvalidArgumentError('It is not a positive number.')
  return Number(text)
}

const options = program.opts<Options>()
const size = options.quick
  ? { contents: 2_000, rounds: 5, durationMs: 2_000, warmUpMs: 300, writes: 24, jobs: 1 }
  : { contents: 10_000, rounds: 9, durationMs: 5_000, warmUpMs: 500, writes: 100, jobs: 3 }
const rounds = options.rounds ?? size.rounds
const profileDir = options.profile && resolve(options.profile)

const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => stop.abort(new Error('stopped')))
}

const startedAt = performance.now()
function progress(line: string): void {
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1)
  process.stderr.write(`${seconds.padStart(6)} s  ${line}\n`)
}

async function run(): Promise<void> {
  await using opened = new AsyncDisposableStack()
  const load = opened.use(startLoadGenerator())
  const dataDir = await mkdtemp(join(tmpdir(), 'gateway-bench-'))
  opened.defer(() => rm(dataDir, { recursive: true, force: true }))
  progress('starting PostgreSQL and ZeroDB')
  const world = opened.use(await openWorld(dataDir))
  const pages = await fill(world)
  if (options.zerodbLatency) await world.slowDownZeroDb('query', options.zerodbLatency)
  const results = await measure(load, {
    ...size,
    rounds,
    scenarios: scenariosOf(world).filter(({ name }) => (options.only ?? name) === name),
    pages,
    token: world.token,
    connections: options.connections,
    profileDir,
    onProgress: progress,
    signal: stop.signal,
  })
  const scenarios = results.map(summarize)
  // The contents change here: nobody may compare pages afterwards.
  const writes = (options.only ?? 'writes') === 'writes' ? await measureAllWrites(world) : undefined
  const generation =
    (options.only ?? 'generation') === 'generation' ? await measureJobs(world) : undefined
  const tables = [
    ...scenarios.map(render),
    ...(writes ? [renderWrites(writes)] : []),
    ...(generation ? [renderGeneration(generation)] : []),
  ]
  process.stdout.write(`\n${tables.join('\n')}`)
  if (scenarios.some(({ errors }) => errors > 0)) process.exitCode = 1
  if (options.json === undefined) return
  const answerBytes = pages.map(({ answer }) => Buffer.byteLength(answer))
  const report = {
    date: new Date().toISOString(),
    hardware: hardware(),
    versions: { postgres: world.postgresVersion, ...(await versions()) },
    settings: {
      ...size,
      rounds,
      connections: options.connections,
      bodySize: options.bodySize,
      zerodbLatencyMs: options.zerodbLatency ?? 0,
      pageSize,
      pages: pages.length,
      meanAnswerBytes: Math.round(answerBytes.reduce((sum, n) => sum + n, 0) / pages.length),
    },
    scenarios,
    writes,
    generation,
  }
  await writeFile(options.json, `${JSON.stringify(report, undefined, 2)}\n`)
}

async function measureAllWrites(world: World): Promise<WritesReport> {
  const times = await measureWrites(world, {
    writes: size.writes,
    bodySize: options.bodySize,
    nodeFlags: profileFlags(profileDir, 'writes-gateway'),
    onProgress: progress,
    signal: stop.signal,
  })
  return summarizeWrites(times)
}

async function measureJobs(world: World): Promise<GenerationReport> {
  const seconds = await measureGeneration(world, {
    rounds: size.jobs,
    nodeFlags: profileFlags(profileDir, 'generation-worker'),
    onProgress: progress,
    signal: stop.signal,
  })
  return summarizeGeneration(seconds)
}

/** Gives the tenant its contents and answers the requests that will be asked. */
async function fill(world: World): Promise<PageRequest[]> {
  await using writer = await startProgram(gateway(world, 64))
  const endpoint = { url: writer.url, token: world.token }
  const { contents: count } = size
  await createAll(endpoint, { count, bodySize: options.bodySize }, (done) => {
    stop.signal.throwIfAborted()
    if (done % 500 === 0) progress(`created ${done} of ${count} contents`)
  })
  await world.settle()
  return await walkPages(endpoint)
}

function hardware() {
  const models = new Set(cpus().map(({ model }) => model))
  return {
    cpus: cpus().length,
    model: [...models].join(', '),
    memoryGb: Math.round(totalmem() / 1024 ** 3),
    platform: `${process.platform} ${release()} ${process.arch}`,
  }
}

async function versions() {
  const file = await readFile(new URL('../package.json', import.meta.url), 'utf8')
  const { version, dependencies } = JSON.parse(file) as {
    version: string
    dependencies: Record<string, string>
  }
  const { graphql, pg, undici } = dependencies
  return { gateway: version, node: process.version, graphql, pg, undici }
}

try {
  await run()
} catch (error) {
  if (!stop.signal.aborted) throw error
  process.stderr.write('Stopped; everything was cleaned up.\n')
  process.exitCode = 130
}
