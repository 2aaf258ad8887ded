import { gateway, limit } from '../contenders.ts'
import { pageSection } from '../page-section.ts'

export const warm = pageSection({
  name: 'warm',
  about: '20 contents with bodies, every body in memory',
  requests: (pages) => pages.map(({ body }) => body),
  gateway: (world) => gateway(world, 512),
  rivals: (world) => [limit(world, { page: 'list', keepBodies: true })],
  ratios: { limit: 0.7 },
  perSecond: 1_000,
})
