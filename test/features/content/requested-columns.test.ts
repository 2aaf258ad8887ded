import { expect, test } from 'vitest'
import { toSchema } from '../../../src/app/schema.ts'
import { createTestContents } from '../../support/contents.ts'
import { startGateway } from '../../support/gateway.ts'
import { operationFor, reachableFieldsOf, sampleArgumentsOf } from '../../support/schema-walk.ts'

interface ById {
  node: unknown
}
interface InList {
  contents: { nodes: unknown[] }
}

const schema = toSchema()
const fields = reachableFieldsOf(schema).filter(({ type }) => type.name === 'Content')

test('every field of a content that is alone in its selection is what it is among all others', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const [id = ''] = await createTestContents(gateway, tenant, 1, () => ({
    tags: ['one'],
    metadata: { some: 'thing' },
    externalRef: { system: 'cms', id: '1' },
  }))
  expect(fields.length).toBeGreaterThan(25)
  for (const coordinate of fields) {
    // `node` reads all columns, a list those that are asked for.
    const byId = operationFor(schema, coordinate, 2)
    const inList = byId
      .replace('($via: ID!)', '')
      .replace('$via: ID!, ', '')
      .replace('node(id: $via) { ... on Content {', 'contents(first: 1) { nodes {')
    const variables = sampleArgumentsOf(coordinate.field)
    const expected = await gateway.query<ById, object>(tenant, byId, { ...variables, via: id })
    const actual = await gateway.query<InList, object>(tenant, inList, variables)
    expect(actual.errors?.map(({ message }) => message)).toEqual(
      expected.errors?.map(({ message }) => message),
    )
    expect([coordinate.name, actual.data?.contents.nodes[0]]).toEqual([
      coordinate.name,
      expected.data?.node,
    ])
  }
})
