import type { Api, TestTenant } from './gateway.ts'
import { graphql } from './gql/gql.ts'
import type {
  BatchErrorPolicy,
  ContentRef,
  CreateContentInput,
  UpdateContentInput,
} from './gql/graphql.ts'

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

export async function createOne(gateway: Api, who: Who, input: CreateContentInput) {
  const { data, errors } = await gateway.query(who, createDocument, { input })
  if (!data) throw new Error(JSON.stringify(errors))
  return data.createContent
}

export async function upsertOne(
  gateway: Api,
  tenant: TestTenant,
  ref: ContentRef,
  input: CreateContentInput,
) {
  const { data, errors } = await gateway.query(tenant, upsertDocument, { ref, input })
  if (!data) throw new Error(JSON.stringify(errors))
  return data.upsertContent
}

export async function createMany(
  gateway: Api,
  tenant: TestTenant,
  inputs: CreateContentInput[],
  errorPolicy: BatchErrorPolicy = 'REJECT_ALL',
) {
  const { data, errors } = await gateway.query(tenant, createManyDocument, { inputs, errorPolicy })
  if (!data) throw new Error(JSON.stringify(errors))
  return data.createContents
}

graphql(`
  fragment ContentForTest on Content {
    id
    databaseId
    title
    status
    version
    metadata
    platforms
    tags
    hashtags
    mentions
    publishedAt
    scheduledAt
    unpublishAt
    deletedAt
    recoverableUntil
    storage {
      zerodbId
      sizeBytes
      state
    }
  }
`)

graphql(`
  fragment ErrorForTest on Error {
    __typename
    code
    message
    path
    ... on ValidationError {
      issues {
        path
        code
      }
    }
    ... on ForbiddenError {
      requiredScopes
    }
    ... on ConflictError {
      currentVersion
      current {
        id
        title
        version
      }
    }
    ... on StorageUnavailableError {
      store
    }
  }
`)

graphql(`
  fragment WrittenForTest on UpdateContentResult {
    __typename
    ... on ContentSuccess {
      queuedWriteId
      content {
        ...ContentForTest
      }
    }
    ...ErrorForTest
  }
`)

const updateDocument = graphql(`
  mutation UpdateForTest($input: UpdateContentInput!) {
    updateContent(input: $input) {
      ...WrittenForTest
    }
  }
`)

const updateManyDocument = graphql(`
  mutation UpdateManyForTest($inputs: [UpdateContentInput!]!, $errorPolicy: BatchErrorPolicy!) {
    updateContents(inputs: $inputs, errorPolicy: $errorPolicy) {
      __typename
      ... on ContentBatchSuccess {
        succeeded
        failed
        results {
          index
          content {
            id
            title
            version
          }
          errors {
            code
            path
          }
        }
      }
      ...ErrorForTest
    }
  }
`)

const publishDocument = graphql(`
  mutation PublishForTest($ref: ContentRef!, $expectedVersion: Int, $idempotencyKey: String) {
    publishContent(ref: $ref, expectedVersion: $expectedVersion, idempotencyKey: $idempotencyKey) {
      ...WrittenForTest
    }
  }
`)

const unpublishDocument = graphql(`
  mutation UnpublishForTest($ref: ContentRef!, $expectedVersion: Int, $idempotencyKey: String) {
    unpublishContent(
      ref: $ref
      expectedVersion: $expectedVersion
      idempotencyKey: $idempotencyKey
    ) {
      ...WrittenForTest
    }
  }
`)

const archiveDocument = graphql(`
  mutation ArchiveForTest($ref: ContentRef!, $expectedVersion: Int, $idempotencyKey: String) {
    archiveContent(ref: $ref, expectedVersion: $expectedVersion, idempotencyKey: $idempotencyKey) {
      ...WrittenForTest
    }
  }
`)

const scheduleDocument = graphql(`
  mutation ScheduleForTest(
    $ref: ContentRef!
    $at: DateTime!
    $unpublishAt: DateTime
    $expectedVersion: Int
    $idempotencyKey: String
  ) {
    scheduleContent(
      ref: $ref
      at: $at
      unpublishAt: $unpublishAt
      expectedVersion: $expectedVersion
      idempotencyKey: $idempotencyKey
    ) {
      ...WrittenForTest
    }
  }
`)

const deleteDocument = graphql(`
  mutation DeleteForTest($ref: ContentRef!, $expectedVersion: Int, $idempotencyKey: String) {
    deleteContent(ref: $ref, expectedVersion: $expectedVersion, idempotencyKey: $idempotencyKey) {
      __typename
      ... on DeleteContentSuccess {
        id
        deletedAt
        recoverableUntil
      }
      ...ErrorForTest
    }
  }
`)

const undeleteDocument = graphql(`
  mutation UndeleteForTest($id: ID!, $idempotencyKey: String) {
    undeleteContent(id: $id, idempotencyKey: $idempotencyKey) {
      ...WrittenForTest
    }
  }
`)

const purgeDocument = graphql(`
  mutation PurgeForTest($id: ID!, $reason: String!) {
    purgeContent(id: $id, reason: $reason) {
      __typename
      ... on DeletedIds {
        ids
      }
      ...ErrorForTest
    }
  }
`)

const restoreDocument = graphql(`
  mutation RestoreForTest(
    $contentId: ID!
    $version: Int!
    $expectedVersion: Int
    $summary: String
    $idempotencyKey: String
  ) {
    restoreVersion(
      contentId: $contentId
      version: $version
      expectedVersion: $expectedVersion
      summary: $summary
      idempotencyKey: $idempotencyKey
    ) {
      __typename
      ... on VersionSuccess {
        version {
          versionNumber
          changeType
          changesSummary
          restoredFrom {
            versionNumber
          }
        }
        content {
          ...ContentForTest
        }
      }
      ...ErrorForTest
    }
  }
`)

type Who = TestTenant | string

/** What a call may say beside the content it means. */
interface CallOptions {
  expectedVersion?: number
  idempotencyKey?: string
}

function dataOf<Data>({ data, errors }: { data?: Data | null; errors?: unknown }): Data {
  if (errors || !data) throw new Error(JSON.stringify(errors))
  return data
}

/** Changes a content by its id. */
export async function updateOne(
  gateway: Api,
  who: Who,
  id: string,
  fields: Partial<UpdateContentInput>,
) {
  const input = { ref: { id }, ...fields }
  return dataOf(await gateway.query(who, updateDocument, { input })).updateContent
}

export async function updateMany(
  gateway: Api,
  who: Who,
  inputs: UpdateContentInput[],
  errorPolicy: BatchErrorPolicy = 'REJECT_ALL',
) {
  const answer = await gateway.query(who, updateManyDocument, { inputs, errorPolicy })
  return dataOf(answer).updateContents
}

export async function publishOne(gateway: Api, who: Who, id: string, options: CallOptions = {}) {
  return dataOf(await gateway.query(who, publishDocument, { ref: { id }, ...options }))
    .publishContent
}

export async function unpublishOne(gateway: Api, who: Who, id: string, options: CallOptions = {}) {
  return dataOf(await gateway.query(who, unpublishDocument, { ref: { id }, ...options }))
    .unpublishContent
}

export async function archiveOne(gateway: Api, who: Who, id: string, options: CallOptions = {}) {
  return dataOf(await gateway.query(who, archiveDocument, { ref: { id }, ...options }))
    .archiveContent
}

export async function scheduleOne(
  gateway: Api,
  who: Who,
  id: string,
  options: CallOptions & { at: string; unpublishAt?: string },
) {
  return dataOf(await gateway.query(who, scheduleDocument, { ref: { id }, ...options }))
    .scheduleContent
}

export async function deleteOne(
  gateway: Api,
  who: Who,
  ref: ContentRef,
  options: CallOptions = {},
) {
  return dataOf(await gateway.query(who, deleteDocument, { ref, ...options })).deleteContent
}

export async function undeleteOne(
  gateway: Api,
  who: Who,
  id: string,
  options: Pick<CallOptions, 'idempotencyKey'> = {},
) {
  return dataOf(await gateway.query(who, undeleteDocument, { id, ...options })).undeleteContent
}

export async function purgeOne(gateway: Api, who: Who, id: string, reason = 'No longer wanted.') {
  return dataOf(await gateway.query(who, purgeDocument, { id, reason })).purgeContent
}

export async function restoreOne(
  gateway: Api,
  who: Who,
  contentId: string,
  version: number,
  options: CallOptions & { summary?: string } = {},
) {
  const variables = { contentId, version, ...options }
  return dataOf(await gateway.query(who, restoreDocument, variables)).restoreVersion
}

const contentDocument = graphql(`
  query ContentNowForTest($ref: ContentRef!, $includeDeleted: Boolean!) {
    content(ref: $ref, includeDeleted: $includeDeleted) {
      ...ContentForTest
      body {
        raw
        provenance {
          store
        }
      }
    }
  }
`)

/** A content as it can be read now, with its body; null when it is not there. */
export async function readOne(gateway: Api, who: Who, ref: ContentRef, includeDeleted = false) {
  return dataOf(await gateway.query(who, contentDocument, { ref, includeDeleted })).content
}

const historyDocument = graphql(`
  query HistoryForTest($id: ID!) {
    content(ref: { id: $id }, includeDeleted: true) {
      versions(first: 100) {
        nodes {
          versionNumber
          changeType
          changesSummary
          diffFromPrevious
        }
      }
    }
  }
`)

/** The versions of a content, the newest first. */
export async function historyOf(gateway: Api, who: Who, id: string) {
  const { content } = dataOf(await gateway.query(who, historyDocument, { id }))
  return content?.versions.nodes ?? []
}

/** What a write answered, which must have succeeded. */
export function succeeded<Result extends { __typename: string }>(result: Result) {
  if (/Success$|^DeletedIds$/.test(result.__typename)) {
    return result as Exclude<Result, { code: string }>
  }
  throw new Error(JSON.stringify(result))
}

/** The id of a new content. */
export async function newContent(
  gateway: Api,
  tenant: TestTenant,
  input: Partial<CreateContentInput> = {},
): Promise<string> {
  return succeeded(await createOne(gateway, tenant, draft(input))).content.id
}
