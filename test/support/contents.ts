import { expect } from 'vitest'
import { encodeGlobalId } from '../../src/graphql/global-id.ts'
import type { TestGateway, TestTenant } from './gateway.ts'
import { graphql } from './gql/gql.ts'
import type { CreateContentInput } from './gql/graphql.ts'

const createContentsDocument = graphql(`
  mutation CreateContentsForTest($inputs: [CreateContentInput!]!) {
    createContents(inputs: $inputs) {
      __typename
      ... on ContentBatchSuccess {
        results {
          content {
            id
          }
        }
      }
      ... on Error {
        message
      }
    }
  }
`)

/** The tenant's only brand and campaign space, as ids for inputs. */
export function brandOf(tenant: TestTenant) {
  const [brand] = tenant.brands
  const [space] = brand?.campaignSpaces ?? []
  return {
    brandId: encodeGlobalId('Brand', brand?.id ?? ''),
    campaignSpaceId: encodeGlobalId('CampaignSpace', space?.id ?? ''),
  }
}

/** Creates `count` contents titled `Content 0…` with bodies `Body 0…`; answers their ids in order. */
export async function createTestContents(
  gateway: TestGateway,
  tenant: TestTenant,
  count: number,
  fields: (index: number) => Partial<CreateContentInput> = () => ({}),
): Promise<string[]> {
  const inputs = Array.from({ length: count }, (_, index) => ({
    ...brandOf(tenant),
    title: `Content ${index}`,
    body: { format: 'MARKDOWN' as const, raw: `Body ${index}` },
    ...fields(index),
  }))
  const { data } = await gateway.query(tenant, createContentsDocument, { inputs })
  const result = data?.createContents
  expect(result).toMatchObject({ __typename: 'ContentBatchSuccess' })
  if (result?.__typename !== 'ContentBatchSuccess') return []
  return result.results.map(({ content }) => content?.id ?? '')
}
