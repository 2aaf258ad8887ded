import { apollo, gateway, limit, plain, postgraphile } from '../contenders.ts'
import { fillOneStore } from '../one-store.ts'
import { pageSection } from '../page-section.ts'
import { listFields, listWithBodies } from '../pages.ts'

/** The gateway's cache has no room for any body. */
export const cold = pageSection({
  name: 'cold',
  about: '20 contents with bodies, every body from its store',
  requests: (pages) => pages.map(({ body }) => body),
  gateway: (world) => gateway(world, 0),
  rivals: async (world, pages) => [
    limit(world, { page: 'list', keepBodies: false }),
    plain(world, listWithBodies),
    apollo(world, 0, listWithBodies),
    postgraphile(world, await fillOneStore(world, pages), `${listFields} body`),
  ],
  ratios: { limit: 0.75, plain: 2.4, postgraphile: 1.2 },
})
