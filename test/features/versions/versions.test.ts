import { expect, test } from 'vitest'
import { startGateway, type TestGateway } from '../../support/gateway.ts'
import { graphql } from '../../support/gql/gql.ts'
import type { VersionChangeType, VersionRetention } from '../../support/gql/graphql.ts'
import { age, createVersions, type TestContent } from '../../support/versions.ts'

const listVersions = graphql(`
  query ListVersions(
    $id: ID!
    $first: Int
    $after: String
    $last: Int
    $changeTypes: [VersionChangeType!]
    $retention: [VersionRetention!]
  ) {
    content(ref: { id: $id }) {
      versions(
        first: $first
        after: $after
        last: $last
        changeTypes: $changeTypes
        retention: $retention
      ) {
        totalCount {
          value
          mode
          isExact
        }
        totalBytes
        nodes {
          versionNumber
          retention
          expiresAt
        }
        pageInfo {
          hasNextPage
          endCursor
        }
      }
    }
  }
`)

test('versions come newest first, page by page, with their number and bytes whatever the page', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  // The third shares the second's body.
  const { id } = await createVersions(gateway, tenant, 'one', ['1', '22', '22', '4444'])

  const first = await gateway.query(tenant, listVersions, { id, first: 3 })
  const versions = first.data?.content?.versions
  const after = versions?.pageInfo.endCursor ?? null
  const rest = await gateway.query(tenant, listVersions, { id, first: 3, after })
  const last = await gateway.query(tenant, listVersions, { id, last: 1 })

  const totals = { totalCount: { value: 4, mode: 'EXACT', isExact: true }, totalBytes: '7' }
  expect(versions).toMatchObject({ ...totals, pageInfo: { hasNextPage: true } })
  expect(numbersOf(first)).toEqual([4, 3, 2])
  expect(rest.data?.content?.versions).toMatchObject({
    ...totals,
    pageInfo: { hasNextPage: false },
  })
  expect(numbersOf(rest)).toEqual([1])
  expect(numbersOf(last)).toEqual([1])
})

type Listed = Awaited<ReturnType<typeof list>>
const list = (gateway: TestGateway, who: string, id: string) =>
  gateway.query(who, listVersions, { id })

function numbersOf({ data }: Pick<Listed, 'data'>): number[] | undefined {
  return data?.content?.versions.nodes.map(({ versionNumber }) => versionNumber)
}

test('filters narrow the list, its count and its bytes', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant({ planTier: 'free' })
  const content = await createVersions(gateway, tenant, 'one', ['1', '22', '333', '4444', '55555'])
  const { id } = content
  await age(gateway, content, 25)
  await plant(gateway, content, 1, `expired_at = now(), documents_removed_at = now()`)
  await plant(gateway, content, 2, 'pinned_at = now()')
  // Its successor is fresh.
  await plant(gateway, content, 5, 'created_at = now()')

  const ask = async (
    changeTypes: VersionChangeType[] | null,
    retention: VersionRetention[] | null,
  ) => {
    const answer = await gateway.query(tenant, listVersions, { id, changeTypes, retention })
    const { totalCount, totalBytes } = answer.data?.content?.versions ?? {}
    return [numbersOf(answer), totalCount?.value, totalBytes]
  }

  expect(await ask(['CREATE'], null)).toEqual([[1], 1, '0'])
  expect(await ask(['UPDATE'], null)).toEqual([[5, 4, 3, 2], 4, '14'])
  expect(await ask(null, ['EXPIRED'])).toEqual([[1], 1, '0'])
  expect(await ask(null, ['PINNED'])).toEqual([[2], 1, '2'])
  expect(await ask(null, ['EXPIRING'])).toEqual([[3], 1, '3'])
  expect(await ask(null, ['HOT', 'PINNED'])).toEqual([[5, 4, 2], 3, '11'])
  expect(await ask(['CREATE'], ['HOT'])).toEqual([[], 0, '0'])
})

async function plant({ database }: TestGateway, content: TestContent, number: number, set: string) {
  await database.admin.query(
    `update content_versions set ${set} where content_id = $1 and version_number = $2`,
    [content.databaseId, number],
  )
}

test.each([
  ['free', 30],
  ['starter', 90],
  ['professional', 365],
  ['business', 1826],
  ['enterprise', null],
] as const)(
  'the plan %s keeps a version %s days from when it was replaced',
  async (planTier, days) => {
    await using gateway = await startGateway()
    const tenant = await gateway.newTenant({ planTier })
    const content = await createVersions(gateway, tenant, 'one', ['1', '2', '3'])
    await plant(gateway, content, 1, `created_at = '2026-01-01T00:00:00Z'`)
    await plant(gateway, content, 2, `created_at = '2026-02-01T12:00:00Z'`)
    await plant(gateway, content, 3, `created_at = now(), pinned_at = now()`)

    const { data } = await gateway.query(tenant, listVersions, { id: content.id })

    const end = new Date(Date.parse('2026-02-01T12:00:00Z') + (days ?? 0) * 86_400_000)
    const [current, , oldest] = data?.content?.versions.nodes ?? []
    expect(oldest?.expiresAt).toBe(days === null ? null : end.toISOString())
    expect(current).toEqual({ versionNumber: 3, retention: 'PINNED', expiresAt: null })
  },
)

const versionsOf = graphql(`
  query VersionsOf($id: ID!, $at: DateTime!, $number: Int!) {
    content(ref: { id: $id }) {
      versionAt(at: $at) {
        versionNumber
      }
      versionByNumber(number: $number) {
        versionNumber
        snapshot {
          title
          body {
            raw
          }
        }
      }
    }
  }
`)

test('a version is found by its number, and by a time at which it was current', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const content = await createVersions(gateway, tenant, 'one', ['1', '2', '3'])
  const { id } = content
  for (const number of [1, 2, 3]) {
    await plant(gateway, content, number, `created_at = '2026-0${number}-01T00:00:00Z'`)
  }
  const find = async (at: string, number: number) => {
    const { data } = await gateway.query(tenant, versionsOf, { id, at, number })
    return [
      data?.content?.versionAt?.versionNumber,
      data?.content?.versionByNumber?.snapshot?.body?.raw,
    ]
  }

  expect(await find('2025-12-31T23:59:59.999Z', 0)).toEqual([undefined, undefined])
  expect(await find('2026-01-01T00:00:00Z', 1)).toEqual([1, '1'])
  expect(await find('2026-02-28T23:59:59Z', 2)).toEqual([2, '2'])
  expect(await find('2099-01-01T00:00:00Z', 4)).toEqual([3, undefined])
})

const fullPage = graphql(`
  query PageOfVersions {
    contents(first: 20) {
      nodes {
        versionAt(at: "2099-01-01T00:00:00Z") {
          versionNumber
        }
        versionByNumber(number: 1) {
          changesSummary
        }
        versions(first: 3) {
          totalBytes
          totalCount {
            value
          }
          nodes {
            versionNumber
            retention
            expiresAt
            changesSummary
            restoredFrom {
              versionNumber
            }
            snapshot {
              title
            }
          }
        }
      }
    }
  }
`)

test('a page of twenty contents with all of their versions costs a few SQL rounds and one ZeroDB request', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  for (let n = 0; n < 20; n++) await createVersions(gateway, tenant, `${n}`, ['1', '2'])
  await using cold = await gateway.startTwin()

  const { data, errors, extensions } = await cold.query(tenant, fullPage, {}, { 'x-explain': '1' })

  expect(errors).toBeUndefined()
  expect(data?.contents.nodes).toHaveLength(20)
  expect(data?.contents.nodes[0]).toMatchObject({
    versionAt: { versionNumber: 2 },
    versionByNumber: { changesSummary: 'Created.' },
    versions: {
      totalBytes: '2',
      totalCount: { value: 2 },
      nodes: [
        { versionNumber: 2, retention: 'HOT', expiresAt: null, restoredFrom: null },
        { versionNumber: 1, retention: 'HOT', expiresAt: expect.any(String) },
      ],
    },
  })
  // The page, its versions, their totals, and who asks; the history entries wait for no other round.
  const plan = extensions?.['plan'] as { postgres: number; zerodb: number }
  expect(plan.postgres).toBeLessThanOrEqual(4)
  expect(gateway.zerodb.calls).toHaveLength(1)
})

const heavyHalf = graphql(`
  query HeavyHalf($id: ID!) {
    content(ref: { id: $id }) {
      title
      versions {
        nodes {
          versionNumber
          retention
          changesSummary
          diffFromPrevious
          diff(against: 2) {
            changedFields
          }
          snapshot {
            title
          }
        }
      }
    }
  }
`)

test('of an expired version the light half is left; the heavy half is null and says why', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant({ planTier: 'starter' })
  const content = await createVersions(gateway, tenant, 'one', ['1', '2'])
  await plant(gateway, content, 1, `expired_at = '2026-03-01T00:00:00Z'`)

  const { data, errors } = await gateway.query(tenant, heavyHalf, { id: content.id })

  const [current, expired] = data?.content?.versions.nodes ?? []
  expect(current).toMatchObject({ retention: 'HOT', snapshot: { title: 'one' } })
  expect(expired).toEqual({
    versionNumber: 1,
    retention: 'EXPIRED',
    changesSummary: null,
    diffFromPrevious: null,
    diff: null,
    snapshot: null,
  })
  expect(errors).toHaveLength(4)
  for (const { message, extensions } of errors ?? []) {
    expect(extensions).toMatchObject({ code: 'CONTENT_VERSION_EXPIRED' })
    expect(message).toContain('Version 1 expired at 2026-03-01T00:00:00.000Z.')
    expect(message).toContain('keeps earlier versions for 90 days')
  }
})
