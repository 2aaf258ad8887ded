import { builder } from '../../graphql/builder.ts'
import { connectionOf, type Page } from '../../graphql/connection.ts'
import { pages } from '../../graphql/list-size.ts'
import { readPageArguments } from '../../graphql/page-arguments.ts'
import { decodeCursor, encodeCursor, InvalidCursorError } from '../../lib/cursor.ts'
import { ContentNode } from '../content/content.graphql.ts'
import {
  ContentVersionNode,
  VersionRetentionEnum,
  versionsByNumber,
} from './content-version.graphql.ts'
import {
  loadVersionPages,
  loadVersionsAt,
  loadVersionTotals,
  type RetainedVersion,
  type VersionTotals,
} from './content-version.loaders.ts'
import { VersionChangeTypeEnum } from '../content/content-enums.graphql.ts'
import { CountObject } from '../content/contents-connection.graphql.ts'

interface VersionsPage extends Page<RetainedVersion> {
  /** Asked of the database once for all contents of a page, and only when a field needs them. */
  totals: () => Promise<Pick<VersionTotals, 'count' | 'bytes'>>
}

const VersionConnection = connectionOf<RetainedVersion, VersionsPage>(
  'ContentVersion',
  ContentVersionNode,
)

builder.objectFields(VersionConnection, (t) => ({
  totalCount: t.field({
    type: CountObject,
    description: 'Exact; of the versions that the filters let through.',
    resolve: async ({ totals }) => {
      const { count } = await totals()
      return { value: count, mode: 'EXACT' as const, isExact: true }
    },
  }),
  totalBytes: t.field({
    type: 'BigInt',
    description: 'Of the body documents these versions still have; versions may share one.',
    resolve: async ({ totals }) => (await totals()).bytes,
  }),
}))

/** Versions are numbered without gaps, so a place in the list is a number. */
const cursorOf = ({ versionNumber }: RetainedVersion) =>
  encodeCursor('version', [`${versionNumber}`])

function numberAt(cursor: string): number {
  const [number] = decodeCursor(cursor, 'version', 1)
  if (number == null || !/^\d{1,9}$/.test(number)) throw new InvalidCursorError()
  return Number(number)
}

builder.objectField(ContentNode, 'versions', (t) =>
  t.loadable({
    type: VersionConnection,
    directives: pages(10),
    byPath: true,
    description: 'Newest first. The list is light; snapshots and diffs are loaded when asked for.',
    authScopes: { scope: 'VERSION_READ' },
    args: {
      first: t.arg.int(),
      after: t.arg.string(),
      last: t.arg.int(),
      before: t.arg.string(),
      changeTypes: t.arg({ type: [VersionChangeTypeEnum] }),
      retention: t.arg({ type: [VersionRetentionEnum] }),
    },
    load: async (ids: string[], context, { changeTypes, retention, ...paging }) => {
      const request = readPageArguments(paging, 10)
      const { limit, backward, cursor } = request
      const beyond = cursor === undefined ? undefined : numberAt(cursor)
      const filter = { changeTypes: changeTypes ?? undefined, retention: retention ?? undefined }
      const pages = await loadVersionPages(context, ids, { limit, backward, beyond, filter })
      const totals = once(() => loadVersionTotals(context, ids, filter))
      return pages.map((found, index): VersionsPage => {
        const nodes = found.slice(0, limit)
        if (backward) nodes.reverse()
        return {
          request,
          nodes,
          hasMore: found.length > limit,
          cursorOf,
          totals: async () => (await totals())[index] ?? { count: 0, bytes: 0 },
        }
      })
    },
    resolve: ({ id }) => id,
  }),
)

function once<T>(ask: () => Promise<T>): () => Promise<T> {
  let answer: Promise<T> | undefined
  return () => (answer ??= ask())
}

builder.objectField(ContentNode, 'versionByNumber', (t) =>
  t.field({
    type: ContentVersionNode,
    nullable: true,
    authScopes: { scope: 'VERSION_READ' },
    args: { number: t.arg.int({ required: true }) },
    resolve: ({ id: contentId }, { number }, context) =>
      versionsByNumber(context).load({ contentId, number }),
  }),
)

builder.objectField(ContentNode, 'versionAt', (t) =>
  t.loadable({
    type: ContentVersionNode,
    byPath: true,
    nullable: true,
    description: 'The version that was current then; null before the first.',
    authScopes: { scope: 'VERSION_READ' },
    args: { at: t.arg({ type: 'DateTime', required: true }) },
    load: (ids: string[], context, { at }) => loadVersionsAt(context, ids, at),
    resolve: ({ id }) => id,
  }),
)
