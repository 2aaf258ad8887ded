import type { ObjectParam } from '@pothos/core'
import { builder, type SchemaTypes } from './builder.ts'
import type { PageRequest } from './page-arguments.ts'

/** One page of a Relay connection; cursors are worked out when asked for: most pages need two. */
export interface Page<Node> {
  request: PageRequest
  nodes: readonly Node[]
  /** Whether more lies beyond the page in reading direction. */
  hasMore: boolean
  cursorOf: (node: Node) => string
}

interface Edge<Node> {
  node: Node
  page: Page<Node>
}

/**
 * Declares `<name>Connection` and `<name>Edge` over a node type (Relay Cursor Connections). The casts
 * stand where the builder's conditional types cannot be decided for a `Node` yet unknown.
 */
export function connectionOf<Node, Shape extends Page<Node> = Page<Node>>(
  name: string,
  NodeRef: ObjectParam<SchemaTypes>,
) {
  const EdgeObject = builder.objectRef<Edge<Node>>(`${name}Edge`).implement({
    fields: (t) => ({
      cursor: t.string({ resolve: ({ node, page }) => page.cursorOf(node) }),
      node: t.field({ type: NodeRef, resolve: ({ node }) => node as never }),
    }),
  })
  return builder.objectRef<Shape>(`${name}Connection`).implement({
    fields: (t) => ({
      edges: t.field({
        type: [EdgeObject],
        resolve: (page) => page.nodes.map((node) => ({ node, page })) as never,
      }),
      nodes: t.field({ type: [NodeRef], resolve: ({ nodes }) => nodes as never }),
      pageInfo: t.field({ type: builder.pageInfoRef(), resolve: pageInfo }),
    }),
  })
}

function pageInfo<Node>({ request, nodes, hasMore, cursorOf }: Page<Node>) {
  const cameFromBeyond = request.cursor !== undefined
  const [first] = nodes
  const last = nodes.at(-1)
  return {
    hasNextPage: request.backward ? cameFromBeyond : hasMore,
    hasPreviousPage: request.backward ? hasMore : cameFromBeyond,
    startCursor: first === undefined ? null : cursorOf(first),
    endCursor: last === undefined ? null : cursorOf(last),
  }
}
