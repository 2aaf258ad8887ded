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
      ... on ForbiddenError {
        requiredScopes
      }
      ... on ValidationError {
        issues {
          path
        }
      }
    }
  }
`)

const rotateDocument = graphql(`
  mutation RotateApiKeyForTest($id: ID!, $overlapSeconds: Int!) {
    rotateApiKey(id: $id, overlapSeconds: $overlapSeconds) {
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

const revokeDocument = graphql(`
  mutation RevokeApiKeyForTest($id: ID!) {
    revokeApiKey(id: $id) {
      __typename
      ... on ApiKeySuccess {
        apiKey {
          id
          revokedAt
        }
        secret
      }
      ... on Error {
        message
      }
    }
  }
`)

const defaults: CreateApiKeyInput = { name: 'Test key', scopes: ['CONTENT_READ'] }

/** A key of the tenant, by its owner; it reads what is published unless told otherwise. */
export async function createTestKey(
  gateway: Api,
  tenant: TestTenant,
  input: Partial<CreateApiKeyInput> = {},
): Promise<TestApiKey> {
  return keyIn(await tryToCreateKey(gateway, tenant, input))
}

/** The same for what may be refused, by anybody. */
export async function tryToCreateKey(
  gateway: Api,
  who: TestTenant | string,
  input: Partial<CreateApiKeyInput>,
) {
  const answer = await gateway.query(who, createDocument, { input: { ...defaults, ...input } })
  return resultOf(answer.data?.createApiKey, answer)
}

/** Another secret for the key; the one before stays good for `overlapSeconds`. */
export async function rotateTestKey(
  gateway: Api,
  tenant: TestTenant,
  { id }: TestApiKey,
  overlapSeconds: number,
): Promise<TestApiKey> {
  return keyIn(await tryToRotateKey(gateway, tenant, { id, overlapSeconds }))
}

export async function tryToRotateKey(
  gateway: Api,
  who: TestTenant,
  variables: { id: string; overlapSeconds: number },
) {
  const answer = await gateway.query(who, rotateDocument, variables)
  return resultOf(answer.data?.rotateApiKey, answer)
}

export async function revokeTestKey(gateway: Api, tenant: TestTenant, { id }: TestApiKey) {
  const answer = await gateway.query(tenant, revokeDocument, { id })
  return resultOf(answer.data?.revokeApiKey, answer)
}

function resultOf<Result>(result: Result | null | undefined, answer: object): Result {
  if (result == null) throw new Error(JSON.stringify(answer))
  return result
}

/**
 * From here on the secret is a secret: the one answer that may have it in it has come, and every other one
 * that does, like a log or a table, fails the test.
 */
function keyIn(result: {
  __typename: string
  apiKey?: { id: string }
  secret?: string | null
}): TestApiKey {
  const { apiKey, secret: key } = result
  const secret = key?.split('_')[3]
  if (!apiKey || key == null || secret === undefined) throw new Error(JSON.stringify(result))
  watchSecret(secret)
  return { id: apiKey.id, secret: key }
}
