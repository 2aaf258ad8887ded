import type { SqlParams } from '../../platform/postgres/sql-params.ts'
import type { SqlValue } from '../../platform/postgres/trip.ts'
import type { ContentStatus, ContentType } from './content.entity.ts'

type Maybe<T> = T | null | undefined

export interface StringFilter {
  eq?: Maybe<string>
  ne?: Maybe<string>
  in?: Maybe<readonly string[]>
  notIn?: Maybe<readonly string[]>
  contains?: Maybe<string>
  startsWith?: Maybe<string>
}

export interface RangeFilter<T extends Date | number> {
  eq?: Maybe<T>
  gt?: Maybe<T>
  gte?: Maybe<T>
  lt?: Maybe<T>
  lte?: Maybe<T>
  isNull?: Maybe<boolean>
}

export interface TagFilter {
  hasAny?: Maybe<readonly string[]>
  hasAll?: Maybe<readonly string[]>
  hasNone?: Maybe<readonly string[]>
}

export interface ExternalRef {
  system: string
  id: string
}

/** Filters over contents; all that are given must hold. Ids are database ids. */
export interface ContentWhere {
  and?: Maybe<readonly ContentWhere[]>
  or?: Maybe<readonly ContentWhere[]>
  not?: Maybe<ContentWhere>
  id?: Maybe<readonly string[]>
  brandId?: Maybe<string>
  campaignSpaceId?: Maybe<string>
  authorId?: Maybe<string>
  generationJobId?: Maybe<string>
  type?: Maybe<readonly ContentType[]>
  status?: Maybe<readonly ContentStatus[]>
  platforms?: Maybe<readonly string[]>
  title?: Maybe<StringFilter>
  tags?: Maybe<TagFilter>
  hashtags?: Maybe<TagFilter>
  mentions?: Maybe<TagFilter>
  createdAt?: Maybe<RangeFilter<Date>>
  updatedAt?: Maybe<RangeFilter<Date>>
  publishedAt?: Maybe<RangeFilter<Date>>
  scheduledAt?: Maybe<RangeFilter<Date>>
  sizeBytes?: Maybe<RangeFilter<number>>
  externalRef?: Maybe<ExternalRef>
}

type Compile<K extends keyof ContentWhere> = (
  filter: NonNullable<ContentWhere[K]>,
  params: SqlParams,
) => string[]

const isAny =
  (column: string, type: string) =>
  (values: readonly string[], params: SqlParams): string[] => [
    `c.${column} = any(${params.add(values)}::${type}[])`,
  ]
const is =
  (column: string) =>
  (value: string, params: SqlParams): string[] => [`c.${column} = ${params.add(value)}`]

/** One line per filter: how it reads in SQL. */
const compilers: { [K in keyof Required<ContentWhere>]: Compile<K> } = {
  and: (branches, params) => branches.map((branch) => compileWhere(branch, params)),
  or: (branches, params) => [
    branches.map((branch) => compileWhere(branch, params)).join(' or ') || 'false',
  ],
  not: (branch, params) => [`not coalesce(${compileWhere(branch, params)}, false)`],
  id: isAny('id', 'uuid'),
  brandId: is('brand_id'),
  campaignSpaceId: is('campaign_space_id'),
  authorId: is('user_id'),
  generationJobId: (jobId, params) => [
    `c.id in (
       select g.content_id from content_generations g
       where g.tenant_id = c.tenant_id and g.job_id = ${params.add(jobId)}
     )`,
  ],
  type: isAny('content_type', 'text'),
  status: isAny('status', 'text'),
  platforms: (values, params) => [`c.platforms && ${params.add(values)}::text[]`],
  title: (filter, params) => text('title', filter, params),
  tags: (filter, params) => list('tags', filter, params),
  hashtags: (filter, params) => list('hashtags', filter, params),
  mentions: (filter, params) => list('mentions', filter, params),
  createdAt: (filter, params) => range('created_at', filter, params),
  updatedAt: (filter, params) => range('updated_at', filter, params),
  publishedAt: (filter, params) => range('published_at', filter, params),
  scheduledAt: (filter, params) => range('scheduled_at', filter, params),
  sizeBytes: (filter, params) => range('storage_size_bytes', filter, params),
  externalRef: ({ system, id }, params) => [
    `c.external_system = ${params.add(system)} and c.external_id = ${params.add(id)}`,
  ],
}

/** A parenthesised SQL condition; `(true)` for an empty filter. */
export function compileWhere(where: ContentWhere, params: SqlParams): string {
  const conditions = Object.entries(where).flatMap(([name, filter]) => {
    if (filter == null) return []
    // The key and its filter belong together, which the compiler cannot see through `entries`.
    const compile = compilers[name as keyof ContentWhere] as Compile<keyof ContentWhere>
    return compile(filter, params)
  })
  return `(${conditions.map((condition) => `(${condition})`).join(' and ') || 'true'})`
}

function given(
  parts: readonly [Maybe<SqlValue>, (placeholder: string) => string][],
  params: SqlParams,
) {
  return parts.flatMap(([value, condition]) =>
    value == null ? [] : [condition(params.add(value))],
  )
}

function text(column: string, filter: StringFilter, params: SqlParams): string[] {
  return given(
    [
      [filter.eq, (value) => `c.${column} = ${value}`],
      [filter.ne, (value) => `c.${column} <> ${value}`],
      [filter.in, (values) => `c.${column} = any(${values}::text[])`],
      [filter.notIn, (values) => `c.${column} <> all(${values}::text[])`],
      [filter.contains, (value) => `strpos(lower(c.${column}), lower(${value})) > 0`],
      [filter.startsWith, (value) => `starts_with(lower(c.${column}), lower(${value}))`],
    ],
    params,
  )
}

function list(column: string, filter: TagFilter, params: SqlParams): string[] {
  return given(
    [
      [filter.hasAny, (values) => `c.${column} && ${values}::text[]`],
      [filter.hasAll, (values) => `c.${column} @> ${values}::text[]`],
      [filter.hasNone, (values) => `not c.${column} && ${values}::text[]`],
    ],
    params,
  )
}

function range(column: string, filter: RangeFilter<Date | number>, params: SqlParams): string[] {
  const conditions = given(
    [
      [filter.eq, (value) => `c.${column} = ${value}`],
      [filter.gt, (value) => `c.${column} > ${value}`],
      [filter.gte, (value) => `c.${column} >= ${value}`],
      [filter.lt, (value) => `c.${column} < ${value}`],
      [filter.lte, (value) => `c.${column} <= ${value}`],
    ],
    params,
  )
  if (filter.isNull == null) return conditions
  return [...conditions, `c.${column} is ${filter.isNull ? '' : 'not '}null`]
}
