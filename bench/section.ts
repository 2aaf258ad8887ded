import type { LoadGenerator } from './load-generator.ts'
import type { PageRequest } from './pages.ts'
import type { World } from './world.ts'

/** One part of the benchmark; `--only NAME` runs just this one. */
export interface Section {
  name: string
  /** One line for --help and the table's title. */
  about: string
  run(bench: Bench): Promise<SectionResult>
}

/** What a section works with. */
export interface Bench {
  /** Fewer rounds and shorter measurements. */
  quick: boolean
  load: LoadGenerator
  /** The world all sections of contents share: filled with contents, which a section must not change … */
  shared(): Promise<{ world: World; pages: PageRequest[] }>
  /** … and one of its own, empty, gone when it is disposed; with a data directory of its own. */
  openWorld(): Promise<World>
  options: { connections: number; bodySize: number; rounds?: number; profileDir?: string }
  progress(line: string): void
  /** Aborts when the run is to stop. */
  signal: AbortSignal
}

export interface SectionResult {
  /** For people: a plain-text table with medians, spread and ratios. */
  table: string
  targets: Target[]
  /** Every single figure, for --json. */
  figures: unknown
}

/** A promise about a figure, and what was measured. */
export interface Target {
  what: string
  measured: number
  relation: '≥' | '≤'
  target: number
}
