import type { GraphQLResolveInfo } from 'graphql'
import { badUserInput } from '../../graphql/bad-user-input.ts'
import { builder } from '../../graphql/builder.ts'
import { connectionOf, type Page } from '../../graphql/connection.ts'
import type { Context } from '../../graphql/context.ts'
import { pages } from '../../graphql/list-size.ts'
import { type ConnectionArguments, readPageArguments } from '../../graphql/page-arguments.ts'
import { BrandNode, CampaignSpaceNode } from '../tenancy/tenancy.graphql.ts'
import type { Content } from './content.entity.ts'
import { ContentNode } from './content.graphql.ts'
import {
  ContentOrderInput,
  type ContentOrderValue,
  ContentWhereInput,
  type ContentWhereValue,
  readOrder,
  readWhere,
} from './content-where.graphql.ts'
import type { ContentWhere } from './content-where.ts'
import type { Count } from './count-rows.ts'
import { type ContentFilter, countContents, listContents } from './list-contents.ts'
import { requestedColumns } from './requested-columns.graphql.ts'

/** A page of contents, and what it was filtered by: counting happens only when asked for. */
interface ContentsPage extends Page<Content> {
  filter: ContentFilter
}

export const ContentConnection = connectionOf<Content, ContentsPage>('Content', ContentNode)

const CountModeEnum = builder.enumType('CountMode', {
  description:
    'CAPPED stops at `cap`, ESTIMATE asks the query planner, EXACT costs a scan, NONE is free.',
  values: ['NONE', 'ESTIMATE', 'CAPPED', 'EXACT'] as const,
})

export const CountObject = builder.objectRef<Count>('Count').implement({
  fields: (t) => ({
    value: t.exposeInt('value'),
    mode: t.expose('mode', { type: CountModeEnum }),
    isExact: t.exposeBoolean('isExact'),
  }),
})

export const countArguments = builder.args((t) => ({
  mode: t.field({ type: CountModeEnum, required: true, defaultValue: 'CAPPED' }),
  cap: t.int({ required: true, defaultValue: 1_000 }),
}))

const maxCap = 10_000

/** Throws BAD_USER_INPUT when counting so far would cost too much. */
export function checkedCap(cap: number): number {
  if (cap >= 1 && cap <= maxCap) return cap
  throw badUserInput(`cap must be from 1 to ${maxCap}.`)
}

builder.objectField(ContentConnection, 'totalCount', (t) =>
  t.field({
    type: CountObject,
    args: countArguments,
    resolve: ({ filter }, { mode, cap }, context) =>
      countContents(context, filter, mode, checkedCap(cap)),
  }),
)

const DeletedModeEnum = builder.enumType('DeletedMode', {
  description:
    'Without the trash, or the trash alone; it takes the scope CONTENT_READ_DRAFT to see it.',
  values: ['EXCLUDE', 'ONLY'] as const,
})

const contentsArguments = builder.args((t) => ({
  first: t.int(),
  after: t.string(),
  last: t.int(),
  before: t.string(),
  where: t.field({ type: ContentWhereInput }),
  orderBy: t.field({ type: [ContentOrderInput] }),
}))

interface ContentsArguments extends ConnectionArguments {
  where?: ContentWhereValue | null | undefined
  orderBy?: readonly ContentOrderValue[] | null | undefined
  deleted?: 'EXCLUDE' | 'ONLY'
}

/** The page that the arguments describe, within what `scope` allows. */
async function resolveContents(
  args: ContentsArguments,
  context: Context,
  info: GraphQLResolveInfo,
  scope: readonly ContentWhere[] = [],
): Promise<ContentsPage> {
  const request = readPageArguments(args, 20)
  const where = args.where ? [...scope, readWhere(args.where)] : scope
  const filter = { where, deleted: args.deleted ?? 'EXCLUDE' }
  const orderBy = readOrder(args.orderBy)
  const { rows, hasMore, ordering } = await listContents(context, {
    ...request,
    ...filter,
    orderBy,
    columns: requestedColumns(info),
  })
  return { request, nodes: rows, hasMore, cursorOf: (row) => ordering.cursorOf(row), filter }
}

builder.queryField('contents', (t) =>
  t.field({
    type: ContentConnection,
    directives: pages(20),
    description: 'Contents, newest first unless `orderBy` says otherwise; 1 to 100 a page.',
    authScopes: { scope: 'CONTENT_READ' },
    args: {
      ...contentsArguments,
      deleted: t.arg({ type: DeletedModeEnum, required: true, defaultValue: 'EXCLUDE' }),
    },
    resolve: (_root, args, context, info) => resolveContents(args, context, info),
  }),
)

builder.objectField(BrandNode, 'contents', (t) =>
  t.field({
    type: ContentConnection,
    directives: pages(20),
    authScopes: { scope: 'CONTENT_READ' },
    args: contentsArguments,
    resolve: ({ id }, args, context, info) =>
      resolveContents(args, context, info, [{ brandId: id }]),
  }),
)

builder.objectField(CampaignSpaceNode, 'contents', (t) =>
  t.field({
    type: ContentConnection,
    directives: pages(20),
    authScopes: { scope: 'CONTENT_READ' },
    args: contentsArguments,
    resolve: ({ id }, args, context, info) =>
      resolveContents(args, context, info, [{ campaignSpaceId: id }]),
  }),
)
