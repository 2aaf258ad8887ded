import { gateway, limit } from '../contenders.ts'
import { pageSection } from '../page-section.ts'
import { askOnEachPage, listFields, listQuery } from '../pages.ts'

export const preview = pageSection({
  name: 'preview',
  about: '20 contents without bodies',
  requests: (pages) => askOnEachPage(listQuery(listFields), pages),
  gateway: (world) => gateway(world, 512),
  rivals: (world) => [limit(world, { page: 'preview', keepBodies: true })],
  ratios: { limit: 0.7 },
})
