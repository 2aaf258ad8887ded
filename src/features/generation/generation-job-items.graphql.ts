import { builder } from '../../graphql/builder.ts'
import { connectionOf, type Page } from '../../graphql/connection.ts'
import { pages } from '../../graphql/list-size.ts'
import {
  type ConnectionArguments,
  type PageRequest,
  readPageArguments,
} from '../../graphql/page-arguments.ts'
import { decodeCursor, encodeCursor, InvalidCursorError } from '../../lib/cursor.ts'
import type { Content } from '../content/content.entity.ts'
import { ContentConnection } from '../content/contents-connection.graphql.ts'
import type { GenerationItem } from './generation-item.entity.ts'
import {
  GenerationJobItemObject,
  GenerationJobNode,
  JobItemStatusEnum,
} from './generation-job.graphql.ts'
import {
  type ItemPageRequest,
  loadGeneratedPages,
  loadItemPages,
} from './generation-job-items.loaders.ts'

const GenerationJobItemConnection = connectionOf<GenerationItem>(
  'GenerationJobItem',
  GenerationJobItemObject,
)

/** Items are numbered from zero, so a place among them is a number. */
const cursorOf = ({ seq }: Pick<GenerationItem, 'seq'>) => encodeCursor('item', [`${seq}`])

function seqAt(cursor: string): number {
  const [seq] = decodeCursor(cursor, 'item', 1)
  if (seq == null || !/^\d{1,9}$/.test(seq)) throw new InvalidCursorError()
  return Number(seq)
}

function readPage(args: ConnectionArguments): { request: PageRequest; page: ItemPageRequest } {
  const request = readPageArguments(args, 20)
  const { limit, backward, cursor } = request
  return {
    request,
    page: { limit, backward, beyond: cursor === undefined ? undefined : seqAt(cursor) },
  }
}

/** What was found for a page, one more than asked for if there is one, as a page in list order. */
function pageOf<Node extends { seq: number }>(found: Node[], request: PageRequest): Page<Node> {
  const nodes = found.slice(0, request.limit)
  if (request.backward) nodes.reverse()
  return { request, nodes, hasMore: found.length > request.limit, cursorOf }
}

const pageArguments = builder.args((t) => ({
  first: t.int(),
  after: t.string(),
  last: t.int(),
  before: t.string(),
}))

builder.objectField(GenerationJobNode, 'items', (t) =>
  t.loadable({
    type: GenerationJobItemConnection,
    directives: pages(20),
    byPath: true,
    description: 'In their order; 1 to 100 a page.',
    args: { ...pageArguments, status: t.arg({ type: [JobItemStatusEnum] }) },
    load: async (ids: string[], context, { status, ...args }) => {
      const { request, page } = readPage(args)
      const pages = await loadItemPages(context, ids, page, status ?? undefined)
      return pages.map((found) => pageOf(found, request))
    },
    resolve: ({ id }) => id,
  }),
)

builder.objectField(GenerationJobNode, 'generatedContents', (t) =>
  t.loadable({
    type: ContentConnection,
    directives: pages(20),
    byPath: true,
    description: 'What was made, in the order of the items and within your reach; not the trash.',
    args: pageArguments,
    load: async (ids: string[], context, args) => {
      const { request, page } = readPage(args)
      const pages = await loadGeneratedPages(context, ids, page)
      return pages.map((found, index) => {
        // The connection is that of contents, which know nothing of a place in a job.
        const places = new Map(found.map(({ id, seq }) => [id, seq]))
        return {
          ...pageOf(found, request),
          cursorOf: ({ id }: Content) => cursorOf({ seq: places.get(id) ?? 0 }),
          filter: { where: [{ generationJobId: ids[index] }], deleted: 'EXCLUDE' as const },
        }
      })
    },
    resolve: ({ id }) => id,
  }),
)
