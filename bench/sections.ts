import type { Section } from './section.ts'
import { cold } from './sections/cold.ts'
import { fanOut } from './sections/fan-out.ts'
import { generation } from './sections/generation.ts'
import { latency } from './sections/latency.ts'
import { list100 } from './sections/list100.ts'
import { memory } from './sections/memory.ts'
import { nested } from './sections/nested.ts'
import { preview } from './sections/preview.ts'
import { processes } from './sections/processes.ts'
import { restore } from './sections/restore.ts'
import { scale } from './sections/scale.ts'
import { search } from './sections/search.ts'
import { single } from './sections/single.ts'
import { sizes } from './sections/sizes.ts'
import { sustainedWrites } from './sections/sustained-writes.ts'
import { warm } from './sections/warm.ts'
import { writes } from './sections/writes.ts'

/** In the order they run. */
export const sections: readonly Section[] = [
  cold,
  warm,
  preview,
  single,
  list100,
  nested,
  search,
  latency,
  processes,
  writes,
  sustainedWrites,
  generation,
  scale,
  memory,
  sizes,
  fanOut,
  restore,
]
