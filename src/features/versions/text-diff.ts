import { createThread } from '../../platform/thread.ts'
import { type Compared, compareTexts, type Comparison } from './text-diff/compare.ts'

/** Longer texts, both together, would hold up the event loop for more than a few milliseconds. */
const maxInlineLength = 32_768

const thread = createThread<Comparison, Compared>(
  new URL('./text-diff/worker.ts', import.meta.url),
  {
    timeoutMs: 5_000,
    idleMs: 60_000,
    youngGenerationMb: 192,
  },
)

/** Compares at once what is short, and in a thread of its own what is long. */
export async function diffTexts(comparison: Comparison, signal: AbortSignal): Promise<Compared> {
  const length = comparison.from.length + comparison.to.length
  return length <= maxInlineLength ? compareTexts(comparison) : thread.run(comparison, signal)
}
