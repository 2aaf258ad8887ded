import { expect, test } from 'vitest'
import { brandOf } from '../../support/contents.ts'
import { answered } from '../../support/generation.ts'
import { startGateway, type TestGateway, type TestTenant } from '../../support/gateway.ts'
import { graphql } from '../../support/gql/gql.ts'
import type { UpdateBrandInput } from '../../support/gql/graphql.ts'

const updateDocument = graphql(`
  mutation UpdateBrandForTest($id: ID!, $input: UpdateBrandInput!) {
    updateBrand(id: $id, input: $input) {
      __typename
      ... on BrandSuccess {
        brand {
          name
          voice
          forbiddenWords
        }
      }
      ... on ValidationError {
        issues {
          path
        }
      }
      ... on Error {
        code
        message
      }
    }
  }
`)

async function update(gateway: TestGateway, tenant: TestTenant, input: UpdateBrandInput) {
  const variables = { id: brandOf(tenant).brandId, input }
  return answered(await gateway.query(tenant, updateDocument, variables)).updateBrand
}

async function auditOf(gateway: TestGateway, tenant: TestTenant) {
  const { data } = await gateway.query<{ auditEvents: { nodes: object[] } }, object>(
    tenant,
    `{ auditEvents(subjectId: "${brandOf(tenant).brandId}") { nodes { action before after } } }`,
  )
  return data?.auditEvents.nodes
}

test('what is given is changed, what is left out stays, and the audit has both', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant({
    brands: [{ name: 'Acme', campaignSpaces: [], voice: 'Dry.', forbiddenWords: ['cheap'] }],
  })

  const words = [' cheap ', 'world-class', 'cheap', 'a, "b"']
  expect(await update(gateway, tenant, { forbiddenWords: words })).toMatchObject({
    brand: { name: 'Acme', voice: 'Dry.', forbiddenWords: ['cheap', 'world-class', 'a, "b"'] },
  })
  expect(await update(gateway, tenant, { voice: null })).toMatchObject({
    brand: { voice: null, forbiddenWords: ['cheap', 'world-class', 'a, "b"'] },
  })
  await update(gateway, tenant, { voice: ' ' })

  expect(await auditOf(gateway, tenant)).toEqual([
    {
      action: 'updateBrand',
      before: { voice: 'Dry.', forbiddenWords: ['cheap', 'world-class', 'a, "b"'] },
      after: { voice: null, forbiddenWords: ['cheap', 'world-class', 'a, "b"'] },
    },
    {
      action: 'updateBrand',
      before: { voice: 'Dry.', forbiddenWords: ['cheap'] },
      after: { voice: 'Dry.', forbiddenWords: ['cheap', 'world-class', 'a, "b"'] },
    },
  ])
})

test('texts that are too long or empty are refused, all at once', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const voice = 'x'.repeat(2_001)
  const result = await update(gateway, tenant, {
    voice,
    forbiddenWords: ['good', ' ', 'x'.repeat(101)],
  })
  expect(result).toMatchObject({
    __typename: 'ValidationError',
    issues: [
      { path: ['input', 'voice'] },
      { path: ['input', 'forbiddenWords', '1'] },
      { path: ['input', 'forbiddenWords', '2'] },
    ],
  })
  const many = Array.from({ length: 101 }, (_, index) => `word ${index}`)
  expect(await update(gateway, tenant, { forbiddenWords: many })).toMatchObject({
    issues: [{ path: ['input', 'forbiddenWords'] }],
  })
  expect(await auditOf(gateway, tenant)).toEqual([])
})

test("only owners change a brand, and nobody another tenant's", async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const other = await gateway.newTenant()
  const ask = async (who: string) => {
    const variables = { id: brandOf(tenant).brandId, input: { voice: 'Mine.' } }
    return answered(await gateway.query(who, updateDocument, variables)).updateBrand.__typename
  }
  expect(await ask(tenant.tokens.editor)).toBe('ForbiddenError')
  expect(await ask(other.tokens.owner)).toBe('NotFoundError')
  expect(await ask(tenant.tokens.owner)).toBe('BrandSuccess')
})
