import { watchSecret } from './canaries.ts'
import type { Api, TestTenant } from './gateway.ts'
import { graphql } from './gql/gql.ts'
import type { CreateApiKeyInput } from './gql/graphql.ts'

/** What to come with: `gateway.query(key.secret, …)`. */
export interface TestApiKey {
  /** The global id. */
  id: string
  secret: string
}

const createDocument = graphql(`
  mutation CreateApiKeyForTest($input: CreateApiKeyInput!) {
    createApiKey(input: $input) {
      __typename
      ... on ApiKeySuccess {
        apiKey {
          id
        }
        secret
      }
      ... on Error {
        message
      }
    }
  }
`)

/** A key of the tenant, by its owner; it reads what is published unless told otherwise. */
export async function createTestKey(
  gateway: Api,
  tenant: TestTenant,
  input: Partial<CreateApiKeyInput> = {},
): Promise<TestApiKey> {
  const { data, errors } = await gateway.query(tenant, createDocument, {
    input: { name: 'Test key', scopes: ['CONTENT_READ'], ...input },
  })
  const result = data?.createApiKey
  if (result?.__typename !== 'ApiKeySuccess') throw new Error(JSON.stringify({ data, errors }))
  return { id: result.apiKey.id, secret: watchKey(result.secret) }
}

/**
 * Makes the secret of a key known, and answers the key. What creates it has answered by then, so that this
 * one answer may have it in it and no other.
 */
function watchKey(key: string | null | undefined): string {
  const secret = key?.split('_')[3]
  if (key == null || secret === undefined) throw new Error('This is no key.')
  watchSecret(secret)
  return key
}
