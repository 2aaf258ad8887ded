import type { Api, TestTenant } from './gateway.ts'
import { graphql } from './gql/gql.ts'

export const trustedSample = 'query Sample { viewer { tenant { name } } }'

const registerDocument = graphql(`
  mutation TrustForTest($documents: [String!]!) {
    registerTrustedDocuments(documents: $documents) {
      __typename
      ... on TrustedDocumentsSuccess {
        registered {
          id
          documentId
        }
      }
      ... on Error {
        message
      }
    }
  }
`)

/** Registers `documents` as the tenant's owner; answers them in order. */
export async function trustDocuments(
  gateway: Api,
  tenant: TestTenant,
  documents: string[],
): Promise<{ id: string; documentId: string }[]> {
  const { data, errors } = await gateway.query(tenant, registerDocument, { documents })
  const result = data?.registerTrustedDocuments
  if (result?.__typename === 'TrustedDocumentsSuccess') return result.registered
  throw new Error(JSON.stringify({ data, errors }))
}
