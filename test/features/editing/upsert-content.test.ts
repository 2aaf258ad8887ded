import { expect, test } from 'vitest'
import { startGateway } from '../../support/gateway.ts'
import { graphql } from '../../support/gql/gql.ts'
import type { ContentStatus } from '../../support/gql/graphql.ts'

const upsert = graphql(`
  mutation UpsertNamed($input: CreateContentInput!) {
    upsertContent(ref: { externalRef: { system: "test", id: "one" } }, input: $input) {
      __typename
      ... on ContentSuccess {
        content {
          version
          publishedAt
          storage {
            zerodbId
          }
          versions(first: 1) {
            nodes {
              changesSummary
            }
          }
        }
      }
    }
  }
`)

test('an upsert writes what differs and nothing else', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const inserts = () => gateway.zerodb.calls.filter(({ operation }) => operation === 'insert')
  const put = async (title: string, raw: string, status: ContentStatus) => {
    gateway.zerodb.calls.length = 0
    const input = { title, status, body: { format: 'TEXT' as const, raw } }
    const { data } = await gateway.query(tenant, upsert, { input })
    const result = data?.upsertContent
    if (result?.__typename !== 'ContentSuccess') throw new Error(JSON.stringify(data))
    const { version, publishedAt, storage, versions } = result.content
    const [latest] = versions.nodes
    return { version, publishedAt, document: storage.zerodbId, summary: latest?.changesSummary }
  }

  const first = await put('A', 'Body', 'PUBLISHED')
  expect(first).toMatchObject({ version: 1, summary: 'Created.' })
  const both = new Set(['content_items', 'content_versions'])
  expect(new Set(inserts().map(({ table }) => table))).toEqual(both)
  expect(inserts()).toHaveLength(2)

  expect(await put('A', 'Body', 'PUBLISHED')).toEqual(first)
  expect(inserts()).toEqual([])

  const renamed = await put('B', 'Body', 'PUBLISHED')
  expect(renamed).toEqual({ ...first, version: 2, summary: 'Changed title.' })
  expect(inserts().map(({ table }) => table)).toEqual(['content_versions'])

  const archived = await put('B', 'Body', 'ARCHIVED')
  expect(archived).toMatchObject({ version: 3, publishedAt: first.publishedAt })

  const rewritten = await put('B', 'Another body', 'DRAFT')
  expect(rewritten).toMatchObject({ version: 4, publishedAt: null })
  expect(rewritten.document).not.toBe(first.document)
})
