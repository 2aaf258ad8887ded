import { expect, test } from 'vitest'
import { createTestKey } from '../../support/api-keys.ts'
import { startGateway } from '../../support/gateway.ts'
import { graphql } from '../../support/gql/gql.ts'

const viewerDocument = graphql(`
  query ViewerOfKey {
    viewer {
      user {
        id
      }
      tenant {
        databaseId
      }
      scopes
      brands {
        name
      }
      apiKey {
        id
        name
        prefix
        brands {
          name
        }
        costLimit
        restorePerSecond
      }
    }
  }
`)

test('who comes with a key is the key: of its tenant, with its scopes, and nobody in person', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const key = await createTestKey(gateway, tenant, { scopes: ['CONTENT_READ', 'QUOTA_READ'] })

  const { data, errors } = await gateway.query(key.secret, viewerDocument)

  expect(errors).toBeUndefined()
  expect(data?.viewer).toEqual({
    user: null,
    tenant: { databaseId: tenant.id },
    scopes: ['CONTENT_READ', 'QUOTA_READ'],
    brands: [{ name: 'Test brand' }],
    apiKey: {
      id: key.id,
      name: 'Test key',
      prefix: key.secret.slice(0, 40),
      brands: null,
      costLimit: 10_000,
      restorePerSecond: 500,
    },
  })
})
