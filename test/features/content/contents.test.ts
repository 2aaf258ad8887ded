import { expect, test } from 'vitest'
import { createTestContents } from '../../support/contents.ts'
import { startGateway } from '../../support/gateway.ts'
import { graphql } from '../../support/gql/gql.ts'

const fullPage = graphql(`
  query FullPage($first: Int) {
    contents(first: $first) {
      nodes {
        title
        body {
          raw
        }
        author {
          displayName
        }
        brand {
          name
        }
        campaignSpace {
          name
        }
        versions(first: 3) {
          nodes {
            versionNumber
            changeType
          }
        }
      }
    }
  }
`)

test.each([1, 20, 100])(
  'a page of %i contents with everything costs two or three SQL rounds and one ZeroDB request',
  async (first) => {
    await using gateway = await startGateway()
    const tenant = await gateway.newTenant()
    await createTestContents(gateway, tenant, first)
    await using cold = await gateway.startTwin()

    const { data, errors, extensions } = await cold.query(tenant, fullPage, { first }, explain)

    expect(errors).toBeUndefined()
    expect(data?.contents.nodes).toHaveLength(first)
    expect(data?.contents.nodes[0]).toEqual({
      title: `Content ${first - 1}`,
      body: { raw: `Body ${first - 1}` },
      author: { displayName: 'The owner' },
      brand: { name: 'Test brand' },
      campaignSpace: { name: 'Test campaign' },
      versions: { nodes: [{ versionNumber: 1, changeType: 'CREATE' }] },
    })
    // The page, its loaders together, and who asks unless that was looked up a moment ago.
    expect(extensions?.['plan']).toEqual({
      postgres: expect.toBeOneOf([2, 3]),
      zerodb: 1,
      bigquery: 0,
      cacheHits: 0,
      nodes: first + first,
    })
    expect(gateway.zerodb.calls).toHaveLength(1)
  },
)

const explain = { 'x-explain': '1' }

test('a page that was read before costs ZeroDB nothing', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  await createTestContents(gateway, tenant, 20)
  await using twin = await gateway.startTwin()
  await twin.query(tenant, fullPage, { first: 20 })
  gateway.zerodb.calls.length = 0

  const plan = await twin.explain(tenant, fullPage, { first: 20 })

  expect(gateway.zerodb.calls).toHaveLength(0)
  expect(plan).toEqual({ postgres: 2, zerodb: 0, bigquery: 0, cacheHits: 20, nodes: 40 })
})
