import { badUserInput } from '../../graphql/bad-user-input.ts'
import { builder } from '../../graphql/builder.ts'
import { idOf } from '../../graphql/global-id.ts'
import { ContentStatusEnum, ContentTypeEnum, PlatformEnum } from './content-enums.graphql.ts'
import { type ContentOrder, type ContentOrderField, contentOrderFields } from './content-order.ts'
import type { ContentWhere } from './content-where.ts'

/** The same filters as a use case takes, with global ids where it takes database ids. */
export type ContentWhereValue = Omit<ContentWhere, 'and' | 'or' | 'not'> & {
  and?: readonly ContentWhereValue[] | null | undefined
  or?: readonly ContentWhereValue[] | null | undefined
  not?: ContentWhereValue | null | undefined
}

const StringFilterInput = builder.inputType('StringFilter', {
  description: 'contains and startsWith ignore case; every character stands for itself.',
  fields: (t) => ({
    eq: t.string(),
    ne: t.string(),
    in: t.stringList(),
    notIn: t.stringList(),
    contains: t.string(),
    startsWith: t.string(),
  }),
})

const DateTimeFilterInput = builder.inputType('DateTimeFilter', {
  fields: (t) => ({
    eq: t.field({ type: 'DateTime' }),
    gt: t.field({ type: 'DateTime' }),
    gte: t.field({ type: 'DateTime' }),
    lt: t.field({ type: 'DateTime' }),
    lte: t.field({ type: 'DateTime' }),
    isNull: t.boolean(),
  }),
})

const SizeFilterInput = builder.inputType('IntFilter', {
  fields: (t) => ({ eq: t.int(), gt: t.int(), gte: t.int(), lt: t.int(), lte: t.int() }),
})

const TagFilterInput = builder.inputType('TagFilter', {
  fields: (t) => ({ hasAny: t.stringList(), hasAll: t.stringList(), hasNone: t.stringList() }),
})

export const ExternalRefInput = builder.inputType('ExternalRefInput', {
  fields: (t) => ({ system: t.string({ required: true }), id: t.string({ required: true }) }),
})

export const ContentWhereInput = builder.inputRef<ContentWhereValue>('ContentWhere')

ContentWhereInput.implement({
  description: 'Filters; all that are given must hold.',
  fields: (t) => ({
    and: t.field({ type: [ContentWhereInput] }),
    or: t.field({ type: [ContentWhereInput] }),
    not: t.field({ type: ContentWhereInput }),
    id: t.idList(),
    brandId: t.id(),
    campaignSpaceId: t.id(),
    authorId: t.id(),
    generationJobId: t.id(),
    type: t.field({ type: [ContentTypeEnum] }),
    status: t.field({ type: [ContentStatusEnum] }),
    platforms: t.field({ type: [PlatformEnum] }),
    title: t.field({ type: StringFilterInput }),
    tags: t.field({ type: TagFilterInput }),
    hashtags: t.field({ type: TagFilterInput }),
    mentions: t.field({ type: TagFilterInput }),
    createdAt: t.field({ type: DateTimeFilterInput }),
    updatedAt: t.field({ type: DateTimeFilterInput }),
    publishedAt: t.field({ type: DateTimeFilterInput }),
    scheduledAt: t.field({ type: DateTimeFilterInput }),
    sizeBytes: t.field({ type: SizeFilterInput }),
    externalRef: t.field({ type: ExternalRefInput }),
  }),
})

/** Deep enough for any filter a person builds; keeps the SQL bounded. */
const maxDepth = 5
const maxListLength = 100

/** Database ids for global ids. Throws BAD_USER_INPUT for a wrong id, deep nesting or long lists. */
export function readWhere(value: ContentWhereValue, depth = 1): ContentWhere {
  if (depth > maxDepth) throw badUserInput(`Filters nest at most ${maxDepth} deep.`)
  refuseLongLists(value)
  const nested = (branches: readonly ContentWhereValue[] | null | undefined) =>
    branches?.map((branch) => readWhere(branch, depth + 1))
  return {
    ...value,
    and: nested(value.and),
    or: nested(value.or),
    not: value.not && readWhere(value.not, depth + 1),
    id: value.id?.map((id) => idOf('Content', id)),
    brandId: value.brandId == null ? null : idOf('Brand', value.brandId),
    campaignSpaceId:
      value.campaignSpaceId == null ? null : idOf('CampaignSpace', value.campaignSpaceId),
    authorId: value.authorId == null ? null : idOf('User', value.authorId),
    generationJobId:
      value.generationJobId == null ? null : idOf('GenerationJob', value.generationJobId),
  }
}

function refuseLongLists(value: object): void {
  for (const [name, filter] of Object.entries(value)) {
    if (Array.isArray(filter)) {
      if (filter.length > maxListLength) {
        throw badUserInput(`${name} takes at most ${maxListLength} values.`)
      }
    } else if (typeof filter === 'object' && filter !== null && name !== 'not') {
      refuseLongLists(filter)
    }
  }
}

const SortDirectionEnum = builder.enumType('SortDirection', {
  values: { ASC: { value: 'asc' }, DESC: { value: 'desc' } } as const,
})

export interface ContentOrderValue {
  field: ContentOrderField
  direction: 'asc' | 'desc'
}

export const ContentOrderInput = builder.inputType('ContentOrder', {
  fields: (t) => ({
    field: t.field({
      type: builder.enumType('ContentOrderField', {
        description: 'A date that is not set sorts as the earliest.',
        values: contentOrderFields,
      }),
      required: true,
    }),
    direction: t.field({ type: SortDirectionEnum, required: true, defaultValue: 'desc' }),
  }),
})

/** At most three different fields; undefined means the default order. */
export function readOrder(
  orderBy: readonly ContentOrderValue[] | null | undefined,
): readonly ContentOrder[] | undefined {
  if (!orderBy || orderBy.length === 0) return undefined
  const fields = new Set(orderBy.map(({ field }) => field))
  if (orderBy.length > 3 || fields.size < orderBy.length) {
    throw badUserInput('orderBy takes at most three different fields.')
  }
  return orderBy
}
