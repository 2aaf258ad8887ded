import { expect, test } from 'vitest'
import { createTestContents } from '../../support/contents.ts'
import { startGateway } from '../../support/gateway.ts'
import { graphql } from '../../support/gql/gql.ts'

const upsertDocument = graphql(`
  mutation UpsertForRefs($ref: ContentRef!, $input: CreateContentInput!) {
    upsertContent(ref: $ref, input: $input) {
      __typename
      ... on ContentSuccess {
        content {
          id
          version
          externalRef {
            id
          }
        }
      }
      ... on ConflictError {
        message
        current {
          id
        }
      }
    }
  }
`)

const refOf = (id: string) => ({ system: 'crm', id })

test('an update that would take the external reference of another content is a conflict', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const [first = '', second = ''] = await createTestContents(gateway, tenant, 2, (index) => ({
    externalRef: refOf(`ref-${index}`),
  }))
  const upsert = async (externalRef: { system: string; id: string }) => {
    const input = { title: 'New', body: { format: 'TEXT' as const, raw: 'New' }, externalRef }
    const { data, errors } = await gateway.query(tenant, upsertDocument, {
      ref: { id: second },
      input,
    })
    expect(errors).toBeUndefined()
    return data?.upsertContent
  }
  expect(await upsert(refOf('ref-0'))).toEqual({
    __typename: 'ConflictError',
    message:
      'A content with the external reference "crm:ref-0" exists already. Update that one, or use another reference.',
    current: { id: first },
  })
  expect(await upsert(refOf('ref-2'))).toEqual({
    __typename: 'ContentSuccess',
    content: { id: second, version: 2, externalRef: { id: 'ref-2' } },
  })
  const { rows } = await gateway.database.admin.query(
    `select reserved_bytes::int as reserved, total_content_items::int as items from content_storage_usage`,
  )
  expect(rows).toEqual([{ reserved: 0, items: 2 }])
})
