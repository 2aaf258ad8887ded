import { apollo, gateway, limit, plain, postgraphile } from '../contenders.ts'
import { fillOneStore } from '../one-store.ts'
import { pageSection } from '../page-section.ts'
import { askOnEachPage, listFields, listQuery } from '../pages.ts'

const query = listQuery(listFields)

export const preview = pageSection({
  name: 'preview',
  about: '20 contents without bodies',
  requests: (pages) => askOnEachPage(query, pages),
  gateway: (world) => gateway(world, 512),
  rivals: async (world, pages) => [
    limit(world, { page: 'preview', keepBodies: true }),
    plain(world, query),
    apollo(world, 512, query),
    postgraphile(world, await fillOneStore(world, pages), listFields),
  ],
  ratios: { limit: 0.7 },
})
