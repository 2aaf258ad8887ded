import type { TestGateway, TestTenant } from './gateway.ts'
import { graphql } from './gql/gql.ts'
import type { BatchErrorPolicy, ContentRef, CreateContentInput } from './gql/graphql.ts'

const createDocument = graphql(`
  mutation CreateForTest($input: CreateContentInput!) {
    createContent(input: $input) {
      __typename
      ... on ContentSuccess {
        content {
          id
          databaseId
          version
        }
      }
      ... on Error {
        code
        message
        path
      }
      ... on StorageUnavailableError {
        store
      }
    }
  }
`)

const upsertDocument = graphql(`
  mutation UpsertForTest($ref: ContentRef!, $input: CreateContentInput!) {
    upsertContent(ref: $ref, input: $input) {
      __typename
      ... on ContentSuccess {
        content {
          id
          databaseId
          version
        }
      }
      ... on Error {
        code
        message
        path
      }
      ... on StorageUnavailableError {
        store
      }
    }
  }
`)

const createManyDocument = graphql(`
  mutation CreateManyForTest($inputs: [CreateContentInput!]!, $errorPolicy: BatchErrorPolicy!) {
    createContents(inputs: $inputs, errorPolicy: $errorPolicy) {
      __typename
      ... on ContentBatchSuccess {
        succeeded
        failed
        results {
          index
          content {
            id
            databaseId
          }
          errors {
            code
            path
          }
        }
      }
      ... on Error {
        code
        message
        path
      }
      ... on StorageUnavailableError {
        store
      }
    }
  }
`)

/** A small content; `fields` say what is special about it. */
export function draft(fields: Partial<CreateContentInput> = {}): CreateContentInput {
  return { title: 'A title', body: { format: 'TEXT', raw: 'A body' }, ...fields }
}

export async function createOne(
  gateway: TestGateway,
  tenant: TestTenant,
  input: CreateContentInput,
) {
  const { data, errors } = await gateway.query(tenant, createDocument, { input })
  if (!data) throw new Error(JSON.stringify(errors))
  return data.createContent
}

export async function upsertOne(
  gateway: TestGateway,
  tenant: TestTenant,
  ref: ContentRef,
  input: CreateContentInput,
) {
  const { data, errors } = await gateway.query(tenant, upsertDocument, { ref, input })
  if (!data) throw new Error(JSON.stringify(errors))
  return data.upsertContent
}

export async function createMany(
  gateway: TestGateway,
  tenant: TestTenant,
  inputs: CreateContentInput[],
  errorPolicy: BatchErrorPolicy = 'REJECT_ALL',
) {
  const { data, errors } = await gateway.query(tenant, createManyDocument, { inputs, errorPolicy })
  if (!data) throw new Error(JSON.stringify(errors))
  return data.createContents
}
