import type { Measurement, Round } from './measure.ts'
import { showSpread, type Spread, spreadOf } from './spread.ts'
import { renderTable } from './table.ts'

const columns = {
  perSecond: { head: 'requests/s', digits: 0 },
  p50Ms: { head: 'p50 ms', digits: 2 },
  p99Ms: { head: 'p99 ms', digits: 2 },
  cpuMsPerRequest: { head: 'CPU ms/request', digits: 2 },
} as const
type Column = keyof typeof columns
const columnNames = Object.keys(columns) as Column[]

export interface ContenderFigures extends Record<Column, Spread | undefined> {
  /** The gateway's throughput as a multiple of this one's, from the pairs of each round. */
  ratio: Spread | undefined
  /** The processor time of a request here as a multiple of the gateway's. */
  cpuRatio: Spread | undefined
  rounds: readonly Measurement[]
}

/** By the contenders' names, in the order of the first round. */
export type PageFigures = Readonly<Record<string, ContenderFigures>>

export function summarize(rounds: readonly Round[]): PageFigures {
  const names = Object.keys(rounds[0] ?? {})
  return Object.fromEntries(names.map((name) => [name, summarizeContender(name, rounds)] as const))
}

function summarizeContender(name: string, rounds: readonly Round[]): ContenderFigures {
  const spreadOver = (figure: (own: Measurement, gateway: Measurement) => number | undefined) =>
    spreadOf(
      rounds.map(({ [name]: own, gateway }) => (own && gateway ? figure(own, gateway) : undefined)),
    )
  const spreads = columnNames.map((column) => [column, spreadOver((own) => own[column])] as const)
  return {
    ...(Object.fromEntries(spreads) as Record<Column, Spread | undefined>),
    ratio: spreadOver((own, gateway) => gateway.perSecond / own.perSecond),
    cpuRatio: spreadOver((own, gateway) => quotient(own.cpuMsPerRequest, gateway.cpuMsPerRequest)),
    rounds: rounds.flatMap(({ [name]: own }) => own ?? []),
  }
}

function quotient(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : a / b
}

/** The table that people read. */
export function renderPages(title: string, figures: PageFigures): string {
  const heads = columnNames.map((column) => columns[column].head)
  const rows = Object.entries(figures).map(([name, own]) => {
    const cells = columnNames.map((column) => showSpread(own[column], columns[column].digits))
    const ratios = [showSpread(own.ratio, 2), showSpread(own.cpuRatio, 2)]
    return [name, ...cells, ...(name === 'gateway' ? [] : ratios)]
  })
  return renderTable(title, [['', ...heads, 'gateway ÷ it', '… by CPU time'], ...rows])
}
