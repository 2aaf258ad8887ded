import { expect, test } from 'vitest'
import { brandOf, createTestContents } from '../../support/contents.ts'
import {
  type Answer,
  startGateway,
  type TestGateway,
  type TestTenant,
} from '../../support/gateway.ts'
import { graphql } from '../../support/gql/gql.ts'
import type {
  BackwardQuery,
  BackwardQueryVariables,
  ContentOrder,
  ContentOrderField,
  ContentWhere,
  CreateContentInput,
  ForwardQuery,
} from '../../support/gql/graphql.ts'

const forward = graphql(`
  query Forward($first: Int, $after: String, $where: ContentWhere, $orderBy: [ContentOrder!]) {
    contents(first: $first, after: $after, where: $where, orderBy: $orderBy) {
      nodes {
        title
      }
      pageInfo {
        hasNextPage
        hasPreviousPage
        endCursor
      }
    }
  }
`)

const backward = graphql(`
  query Backward($last: Int, $before: String, $orderBy: [ContentOrder!]) {
    contents(last: $last, before: $before, orderBy: $orderBy) {
      nodes {
        title
      }
      pageInfo {
        hasNextPage
        hasPreviousPage
        startCursor
      }
    }
  }
`)

interface Walk {
  first: number
  where?: ContentWhere
  orderBy?: ContentOrder[]
}

/** Titles of the whole list, page by page from its beginning. */
async function walkForward(
  gateway: TestGateway,
  tenant: TestTenant,
  walk: Walk,
): Promise<string[]> {
  const titles: string[] = []
  for (let after: string | null = null; ;) {
    const answer: Answer<ForwardQuery> = await gateway.query(tenant, forward, { ...walk, after })
    expect(answer.errors).toBeUndefined()
    const page: ForwardQuery['contents'] | undefined = answer.data?.contents
    titles.push(...(page?.nodes ?? []).map(({ title }) => title))
    if (!page?.pageInfo.hasNextPage) return titles
    expect(page.nodes).toHaveLength(walk.first)
    after = page.pageInfo.endCursor ?? null
  }
}

/** The same from its end. */
async function walkBackward(
  gateway: TestGateway,
  tenant: TestTenant,
  { first: last, orderBy }: Walk,
): Promise<string[]> {
  const titles: string[] = []
  for (let before: string | null = null; ;) {
    const variables: BackwardQueryVariables = { last, before, ...(orderBy && { orderBy }) }
    const answer: Answer<BackwardQuery> = await gateway.query(tenant, backward, variables)
    expect(answer.errors).toBeUndefined()
    const page: BackwardQuery['contents'] | undefined = answer.data?.contents
    titles.unshift(...(page?.nodes ?? []).map(({ title }) => title))
    if (!page?.pageInfo.hasPreviousPage) return titles
    before = page.pageInfo.startCursor ?? null
  }
}

const types = ['POST', 'AD', 'ARTICLE'] as const
const statuses = ['DRAFT', 'PUBLISHED', 'ARCHIVED', 'SCHEDULED'] as const

/** Ties on every field but the title, and dates that are not set. */
function varied(index: number): Partial<CreateContentInput> {
  const status = statuses[index % 4] ?? 'DRAFT'
  return {
    title: `Title ${String((index * 37) % 50).padStart(2, '0')}`,
    body: { format: 'TEXT', raw: 'x'.repeat((index % 3) + 1) },
    type: types[index % 3] ?? 'POST',
    status,
    tags: [`mod2:${index % 2}`, `mod5:${index % 5}`],
    ...(status === 'SCHEDULED' && {
      scheduledAt: new Date(4e12 + (index % 7) * 1_000).toISOString(),
    }),
    externalRef: { system: 'test', id: `ref-${index}` },
  }
}

const orderFields: ContentOrderField[] = [
  'CREATED_AT',
  'UPDATED_AT',
  'PUBLISHED_AT',
  'SCHEDULED_AT',
  'TITLE',
  'SIZE',
]

test('pages of any size and order hold every content once, the same from both ends', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  await createTestContents(gateway, tenant, 50, varied)
  const orders = orderFields.flatMap((field) =>
    (['ASC', 'DESC'] as const).map((direction) => [{ field, direction }]),
  )
  orders.push(
    [
      { field: 'SIZE', direction: 'ASC' },
      { field: 'TITLE', direction: 'DESC' },
    ],
    [
      { field: 'SCHEDULED_AT', direction: 'DESC' },
      { field: 'SIZE', direction: 'DESC' },
    ],
  )
  for (const orderBy of orders) {
    const whole = await walkForward(gateway, tenant, { first: 100, orderBy })
    expect(new Set(whole).size).toBe(50)
    expect(await walkForward(gateway, tenant, { first: 7, orderBy })).toEqual(whole)
    expect(await walkBackward(gateway, tenant, { first: 9, orderBy })).toEqual(whole)
  }
  const byTitle = await walkForward(gateway, tenant, {
    first: 20,
    orderBy: [{ field: 'TITLE', direction: 'ASC' }],
  })
  expect(byTitle).toEqual(byTitle.toSorted())
})

test('filters keep what they say and combine with and, or and not', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  await createTestContents(gateway, tenant, 40, varied)
  const rows = Array.from({ length: 40 }, (_, index) => ({ index, ...varied(index) }))
  type Row = (typeof rows)[number]
  const { brandId, campaignSpaceId } = brandOf(tenant)
  const cases: [ContentWhere, (row: Row) => boolean][] = [
    [{ type: ['AD', 'POST'] }, ({ type }) => type !== 'ARTICLE'],
    [{ status: ['PUBLISHED'] }, ({ status }) => status === 'PUBLISHED'],
    [{ tags: { hasAny: ['mod5:1', 'mod5:2'] } }, ({ index }) => [1, 2].includes(index % 5)],
    [{ tags: { hasAll: ['mod2:0', 'mod5:0'] } }, ({ index }) => index % 10 === 0],
    [{ tags: { hasNone: ['mod2:0'] } }, ({ index }) => index % 2 === 1],
    [{ title: { startsWith: 'title 0' } }, ({ title }) => title?.startsWith('Title 0') ?? false],
    [{ title: { contains: '%' } }, () => false],
    [{ title: { contains: 'E 1' } }, ({ title }) => title?.includes('e 1') ?? false],
    [{ title: { in: ['Title 00', 'Title 01'] } }, ({ title }) => /0[01]$/.test(title ?? '')],
    [{ scheduledAt: { isNull: false } }, ({ status }) => status === 'SCHEDULED'],
    [{ createdAt: { gt: '2020-01-01T00:00:00Z' } }, () => true],
    [{ createdAt: { lt: '2020-01-01T00:00:00Z' } }, () => false],
    [{ sizeBytes: { gte: 2, lt: 3 } }, ({ index }) => index % 3 === 1],
    [{ brandId, campaignSpaceId }, () => true],
    [{ externalRef: { system: 'test', id: 'ref-7' } }, ({ index }) => index === 7],
    [
      { or: [{ type: ['AD'] }, { status: ['DRAFT'] }], not: { tags: { hasAny: ['mod2:1'] } } },
      ({ type, status, index }) => (type === 'AD' || status === 'DRAFT') && index % 2 === 0,
    ],
    [{ and: [{ type: ['AD'] }, { type: ['POST'] }] }, () => false],
    [{ or: [] }, () => false],
    [
      { not: { scheduledAt: { gt: '2020-01-01T00:00:00Z' } } },
      ({ status }) => status !== 'SCHEDULED',
    ],
  ]
  for (const [where, keeps] of cases) {
    const found = new Set(await walkForward(gateway, tenant, { first: 11, where }))
    const expected = new Set(rows.filter(keeps).map(({ title }) => title))
    expect({ where, found }).toEqual({ where, found: expected })
  }
})

const counts = graphql(`
  query Counts($where: ContentWhere) {
    contents(first: 1, where: $where) {
      capped: totalCount(cap: 10) {
        value
        isExact
      }
      exact: totalCount(mode: EXACT) {
        value
        isExact
      }
      estimate: totalCount(mode: ESTIMATE) {
        value
        isExact
      }
      none: totalCount(mode: NONE) {
        value
        isExact
      }
    }
  }
`)

test('counting stops at the cap unless an exact count is asked for', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  await createTestContents(gateway, tenant, 24, varied)

  const all = await gateway.query(tenant, counts, {})
  expect(all.data?.contents).toEqual({
    capped: { value: 10, isExact: false },
    exact: { value: 24, isExact: true },
    estimate: { value: expect.any(Number), isExact: false },
    none: { value: 0, isExact: false },
  })
  const few = await gateway.query(tenant, counts, { where: { type: ['AD'] } })
  expect(few.data?.contents.capped).toEqual({ value: 8, isExact: true })
})

test('a page that mixes directions or sizes that do not exist is refused', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  for (const args of [
    'first: 0',
    'first: 101',
    'last: -1',
    'first: 1, last: 1',
    'after: "x", last: 1',
  ]) {
    const { data, errors } = await gateway.query(tenant, `{ contents(${args}) { nodes { id } } }`)
    expect(data ?? null).toBeNull()
    expect({ args, code: errors?.[0]?.extensions?.['code'] }).toEqual({
      args,
      code: 'BAD_USER_INPUT',
    })
  }
})
