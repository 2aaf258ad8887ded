import { gateway, limit } from '../contenders.ts'
import { pageSection } from '../page-section.ts'
import { contentsOf, requestBody } from '../pages.ts'

const query = `query Content($id: ID!) {
  content(ref: { id: $id }) {
    id title status tags
    body { raw }
    storage { sizeBytes checksum encoding mimeType }
    versions(first: 3) { nodes { versionNumber changeType sizeBytes } }
  }
}`

/** As many contents as are asked for in turn. */
const contents = 1_000

export const single = pageSection({
  name: 'single',
  about: 'one content with its body and latest versions, every body in memory',
  requests: (pages) =>
    pages
      .flatMap(({ answer }) => contentsOf(answer))
      .slice(0, contents)
      .map(({ id }) => requestBody(query, { id })),
  gateway: (world) => gateway(world, 512),
  rivals: (world) => [limit(world, { page: 'single', keepBodies: true })],
  ratios: { limit: 0.7 },
})
