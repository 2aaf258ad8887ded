import { onTestFailed } from 'vitest'
import { seededRandom } from '../../src/local/faults.ts'

/** The seed of this run, told when the test fails; SEED in the environment replays it. */
export function chooseSeed(): number {
  const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31))
  onTestFailed(() => void process.stdout.write(`Replay with SEED=${seed}\n`))
  return seed
}

/** Choices that depend on the seed alone. */
export interface Random {
  /** From 0 up to, and without, `limit`. */
  below(limit: number): number
  chance(probability: number): boolean
  pick<T>(items: readonly [T, ...T[]]): T
  shuffled<T>(items: readonly T[]): T[]
}

export function createRandom(seed: number): Random {
  const random = seededRandom(seed)
  const below = (limit: number) => Math.floor(random() * limit)
  return {
    below,
    chance: (probability) => random() < probability,
    pick: (items) => items[below(items.length)] ?? items[0],
    shuffled(items) {
      const rest = [...items]
      return items.map(() => rest.splice(below(rest.length), 1)[0] as (typeof items)[number])
    },
  }
}

/** A figure that a test has seen, for people who read the run. */
export function tell(line: string): void {
  process.stdout.write(`${line}\n`)
}
