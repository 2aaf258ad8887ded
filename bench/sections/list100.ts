import { gateway } from '../contenders.ts'
import { pageSection } from '../page-section.ts'
import { askOnEachPage, listFields, listQuery } from '../pages.ts'

export const list100 = pageSection({
  name: 'list100',
  about: '100 contents with bodies, every body in memory',
  requests: (pages) => askOnEachPage(listQuery(`${listFields} body { raw }`, 100), pages),
  gateway: (world) => gateway(world, 512),
})
