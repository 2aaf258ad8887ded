import { apollo, gateway, limit, postgraphile } from '../contenders.ts'
import { fillOneStore } from '../one-store.ts'
import { pageSection } from '../page-section.ts'
import { listFields, listWithBodies } from '../pages.ts'

export const warm = pageSection({
  name: 'warm',
  about: '20 contents with bodies, every body in memory',
  requests: (pages) => pages.map(({ body }) => body),
  gateway: (world) => gateway(world, 512),
  rivals: async (world, pages) => [
    limit(world, { page: 'list', keepBodies: true }),
    apollo(world, 512, listWithBodies),
    postgraphile(world, await fillOneStore(world, pages), `${listFields} body`),
  ],
  ratios: { limit: 0.7, postgraphile: 2.2 },
  perSecond: 1_000,
})
