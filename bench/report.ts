import { contenders, type ScenarioName } from './scenarios.ts'
import type { Measurement, ScenarioResult } from './measure.ts'

interface Spread {
  median: number
  min: number
  max: number
}

export interface ScenarioReport {
  name: ScenarioName
  title: string
  /** Throughput of the gateway as a part of the limit's, from the pairs of each round. */
  ratio: Spread
  target: number
  /** The limit's processor time per request as a part of the gateway's. */
  cpuRatio: Spread | undefined
  errors: number
  contenders: Record<string, Record<Figure, Spread | undefined> & { rounds: Measurement[] }>
}

const figures = ['perSecond', 'p50Ms', 'p99Ms', 'cpuMsPerRequest'] as const
type Figure = (typeof figures)[number]

export function summarize({ scenario, rounds }: ScenarioResult): ScenarioReport {
  const { name, title, target } = scenario
  const summaries = contenders.map((contender) => {
    const measured = rounds.map((round) => round[contender])
    const spreads = figures.map((figure) => [figure, spreadOf(measured.map((m) => m[figure]))])
    return [contender, { ...Object.fromEntries(spreads), rounds: measured }]
  })
  const cpuRatio = spreadOf(
    rounds.map(({ gateway, limit }) => quotient(limit.cpuMsPerRequest, gateway.cpuMsPerRequest)),
  )
  return {
    name,
    title,
    target,
    ratio:
      spreadOf(rounds.map(({ gateway, limit }) => gateway.perSecond / limit.perSecond)) ?? none,
    cpuRatio,
    errors: rounds.flatMap((round) => Object.values(round)).reduce((sum, m) => sum + m.errors, 0),
    contenders: Object.fromEntries(summaries) as ScenarioReport['contenders'],
  }
}

const none: Spread = { median: Number.NaN, min: Number.NaN, max: Number.NaN }

function quotient(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : a / b
}

function spreadOf(values: readonly (number | undefined)[]): Spread | undefined {
  const sorted = values.filter((value) => value !== undefined).toSorted((a, b) => a - b)
  const [min] = sorted
  const max = sorted.at(-1)
  if (min === undefined || max === undefined) return undefined
  const middle = sorted.length >> 1
  const above = sorted[middle] ?? min
  const below = sorted[sorted.length - 1 - middle] ?? above
  return { median: (below + above) / 2, min, max }
}

/** The table that people read. */
export function render(report: ScenarioReport): string {
  const { name, title, ratio, target, cpuRatio, errors } = report
  const rows = contenders.map((contender) => {
    const summary = report.contenders[contender]
    const cells = figures.map((figure) => withSpread(summary?.[figure], figure))
    return [contender, ...cells]
  })
  const head = ['', 'requests/s', 'p50 ms', 'p99 ms', 'CPU ms/request']
  const verdict = ratio.median >= target ? 'reached' : 'MISSED'
  return [
    `${name}: ${title}`,
    ...[head, ...rows].map((cells) => `  ${cells.map(pad).join('')}`.trimEnd()),
    `  ratio ${withSpread(ratio, 'ratio')}, target ≥ ${target}: ${verdict}`,
    `  ratio by CPU time ${withSpread(cpuRatio, 'ratio')}`,
    ...(errors > 0 ? [`  ${errors} ERRORS: the figures above mean nothing`] : []),
    '',
  ].join('\n')
}

function pad(cell: string, column: number): string {
  return cell.padEnd(column === 0 ? 9 : 23)
}

function withSpread(spread: Spread | undefined, figure: Figure | 'ratio'): string {
  if (!spread) return '?'
  const digits = figure === 'perSecond' ? 0 : 2
  const [median, min, max] = [spread.median, spread.min, spread.max].map((n) => n.toFixed(digits))
  return `${median} (${min}–${max})`
}
