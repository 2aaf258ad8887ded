import { expect, test } from 'vitest'
import { bodyTable } from '../../../src/features/content/documents.ts'
import { copyVersions } from '../../support/copies.ts'
import { createTestContents } from '../../support/contents.ts'
import { startGateway } from '../../support/gateway.ts'
import { graphql } from '../../support/gql/gql.ts'
import { updateOne } from '../../support/writes.ts'

const document = graphql(`
  query LostBodies($id: ID!) {
    node(id: $id) {
      ... on Content {
        body {
          raw
          provenance {
            stale
            version
          }
        }
        versions(first: 2) {
          nodes {
            versionNumber
            snapshot {
              body {
                raw
              }
            }
          }
        }
      }
    }
  }
`)

test('the body of an earlier version stands for the current one, and for no version of its own', async () => {
  await using gateway = await startGateway({}, { bigquery: true })
  const tenant = await gateway.newTenant()
  const [id = ''] = await createTestContents(gateway, tenant, 1)
  await copyVersions(gateway, tenant.id)
  await updateOne(gateway, tenant, id, { body: { format: 'TEXT', raw: 'Second' } })
  const { rows } = await gateway.database.admin.query<{ id: string }>(
    'select distinct document_id as id from content_versions',
  )
  const documents = rows.map((row) => row.id)
  await gateway.services.zerodb.deleteRowsByKey(tenant.id, bodyTable, documents)
  await using twin = await gateway.startTwin({ LOG_LEVEL: 'silent' })

  const { data, errors } = await twin.query(tenant, document, { id })

  expect(data?.node).toMatchObject({
    body: { raw: 'Body 0', provenance: { stale: true, version: 1 } },
    versions: {
      nodes: [
        { versionNumber: 2, snapshot: { body: null } },
        { versionNumber: 1, snapshot: { body: { raw: 'Body 0' } } },
      ],
    },
  })
  expect(errors?.map(({ extensions }) => extensions?.['code'])).toEqual(['CONTENT_BODY_MISSING'])
})
