import { contentTypes } from '../contents.ts'
import { gateway } from '../contenders.ts'
import { pageSection } from '../page-section.ts'
import { requestBody } from '../pages.ts'

const query = `query Brands($type: ContentType!) {
  viewer {
    brands {
      id name
      contents(first: 10, where: { type: [$type] }) {
        nodes { id title author { displayName } body { raw } }
      }
    }
  }
}`

export const nested = pageSection({
  name: 'nested',
  about: 'brands with 10 contents each, their authors and bodies, every body in memory',
  requests: () => contentTypes.map((type) => requestBody(query, { type })),
  gateway: (world) => gateway(world, 512),
})
