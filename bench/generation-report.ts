import { callsAtOnce, generationItems, modelMs, zerodbMs } from './generation.ts'

export interface GenerationReport {
  items: number
  modelMs: number
  zerodbMs: number
  /** If nothing but the model took time. */
  idealSeconds: number
  medianSeconds: number
  ratio: number
  bound: number
  seconds: readonly number[]
}

const bound = 1.15

export function summarizeGeneration(seconds: readonly number[]): GenerationReport {
  const idealSeconds = (generationItems / callsAtOnce) * (modelMs / 1_000)
  const sorted = seconds.toSorted((a, b) => a - b)
  const medianSeconds = sorted[Math.ceil(sorted.length / 2) - 1] ?? Number.NaN
  const ratio = medianSeconds / idealSeconds
  return {
    items: generationItems,
    modelMs,
    zerodbMs,
    idealSeconds,
    medianSeconds,
    ratio,
    bound,
    seconds,
  }
}

/** The lines that people read. */
export function renderGeneration(report: GenerationReport): string {
  const { items, idealSeconds, medianSeconds, ratio, seconds } = report
  const verdict = ratio <= bound ? 'reached' : 'MISSED'
  return [
    `generation: a job of ${items} items, ${callsAtOnce} calls at a time, model ${modelMs} ms, ZeroDB ${zerodbMs} ms slower`,
    `  ideal ${idealSeconds.toFixed(1)} s, median ${medianSeconds.toFixed(1)} s of ${seconds.length} (${seconds.map((n) => n.toFixed(1)).join(', ')})`,
    `  ratio ${ratio.toFixed(3)}, target ≤ ${bound}: ${verdict}`,
    '',
  ].join('\n')
}
