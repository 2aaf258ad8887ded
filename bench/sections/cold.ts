import { gateway, limit } from '../contenders.ts'
import { pageSection } from '../page-section.ts'

/** The gateway's cache has no room for any body. */
export const cold = pageSection({
  name: 'cold',
  about: '20 contents with bodies, every body from ZeroDB',
  requests: (pages) => pages.map(({ body }) => body),
  gateway: (world) => gateway(world, 0),
  rivals: (world) => [limit(world, { page: 'list', keepBodies: false })],
  ratios: { limit: 0.75 },
})
