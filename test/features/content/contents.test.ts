import { expect, test } from 'vitest'
import { startGateway, type TestGateway, type TestTenant } from '../../support/gateway.ts'
import { graphql } from '../../support/gql/gql.ts'

const createMany = graphql(`
  mutation CreateMany($inputs: [CreateContentInput!]!) {
    createContents(inputs: $inputs) {
      __typename
      ... on ContentBatchSuccess {
        succeeded
      }
      ... on Error {
        message
      }
    }
  }
`)

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

/** `count` contents with distinct bodies, the newest last. */
async function createContents(gateway: TestGateway, tenant: TestTenant, count: number) {
  const [brand] = tenant.brands
  const { data } = await gateway.query(tenant, 'query { viewer { brands { id contents(first: 1) { nodes { id } } } } }')
  const inputs = Array.from({ length: count }, (_, index) => ({
    title: `Content ${index}`,
    body: { format: 'MARKDOWN' as const, raw: `Body ${index}` },
  }))
  expect(brand).toBeDefined()
  expect(data).toBeDefined()
  const answer = await gateway.query(tenant, createMany, { inputs })
  expect(answer.data?.createContents).toEqual({ __typename: 'ContentBatchSuccess', succeeded: count })
}

test.each([1, 20, 100])('a page of %i contents with everything costs one ZeroDB request', async (first) => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  await createContents(gateway, tenant, first)
  const { data, errors } = await gateway.query(tenant, fullPage, { first })
  expect(errors).toBeUndefined()
  expect(data?.contents.nodes).toHaveLength(first)
})
