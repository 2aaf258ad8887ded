import { contentStatuses, contentTags, contentTypes } from '../contents.ts'
import { gateway } from '../contenders.ts'
import { pageSection } from '../page-section.ts'
import { listFields, pageSize, requestBody } from '../pages.ts'

const query = `query Search($where: ContentWhere!) {
  contents(first: ${pageSize}, where: $where) {
    nodes { ${listFields} }
    pageInfo { hasNextPage endCursor }
  }
}`

export const search = pageSection({
  name: 'search',
  about: '20 contents of one status and type with one tag, without bodies',
  requests: () =>
    [...new Set(contentStatuses)].flatMap((status) =>
      contentTypes.flatMap((type) =>
        contentTags.map((tag) =>
          requestBody(query, {
            where: { status: [status], type: [type], tags: { hasAll: [tag] } },
          }),
        ),
      ),
    ),
  gateway: (world) => gateway(world, 512),
})
