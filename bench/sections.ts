import type { Section } from './section.ts'
import { cold } from './sections/cold.ts'
import { generation } from './sections/generation.ts'
import { list100 } from './sections/list100.ts'
import { nested } from './sections/nested.ts'
import { preview } from './sections/preview.ts'
import { search } from './sections/search.ts'
import { single } from './sections/single.ts'
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
  writes,
  generation,
]
