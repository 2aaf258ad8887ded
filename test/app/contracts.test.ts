import {
  buildClientSchema,
  findBreakingChanges,
  getIntrospectionQuery,
  type IntrospectionQuery,
  isObjectType,
  validateSchema,
} from 'graphql'
import { expect, test } from 'vitest'
import { toSchema } from '../../src/app/schema.ts'
import { audiences, contractOf } from '../../src/graphql/contract.ts'
import { encodeGlobalId } from '../../src/graphql/global-id.ts'
import { newId } from '../../src/lib/id.ts'
import { createTestKey } from '../support/api-keys.ts'
import { furnish } from '../support/entries.ts'
import { startGateway } from '../support/gateway.ts'
import { rootFieldsOf } from '../support/schema-walk.ts'

const schema = toSchema()
const [partner, studio, admin] = audiences.map((audience) => contractOf(schema, audience))

test('every field one can begin with says whom it is for', () => {
  for (const { name, field } of rootFieldsOf(schema)) {
    const { tag } = (field.extensions['directives'] ?? {}) as { tag?: { name: string } }
    expect({ name, audience: tag?.name }).toEqual({ name, audience: expect.any(String) })
    expect(audiences).toContain(tag?.name)
  }
})

test('each contract is a valid schema that has all of the one before', () => {
  if (!partner || !studio || !admin) throw new Error('three contracts')
  for (const contract of [partner, studio, admin]) expect(validateSchema(contract)).toEqual([])
  expect(findBreakingChanges(partner, studio)).toEqual([])
  expect(findBreakingChanges(studio, admin)).toEqual([])
  expect(findBreakingChanges(schema, admin)).toEqual([])
})

test('of what runs a tenant partners do not even see the names', () => {
  const names = Object.values(partner?.getTypeMap() ?? {}).flatMap((type) =>
    isObjectType(type) ? [type.name, ...Object.keys(type.getFields())] : [type.name],
  )
  expect(names).toContain('contents')
  expect(names).toContain('ContentVersion')
  const telling =
    /llm|audit|restore(Job|From)|archive(s$|Succ)|generat|readMode$|opsd|alert|integrity/i
  expect(names.filter((name) => telling.test(name))).toEqual([])
})

test('a key is answered by the partner contract alone, also when it asks for the schema', async () => {
  await using gateway = await startGateway()
  const { tenant, ids } = await furnish(gateway, 'OWN')
  const key = await createTestKey(gateway, tenant, {
    scopes: ['CONTENT_READ', 'CONTENT_READ_DRAFT'],
  })

  const question = getIntrospectionQuery({ directiveIsRepeatable: true })
  const told = await gateway.query<IntrospectionQuery, object>(key.secret, question)
  const seen = told.data && buildClientSchema(told.data)
  if (!seen || !partner) throw new Error(told.text)
  expect(Object.keys(seen.getTypeMap()).toSorted()).toEqual(
    Object.keys(partner.getTypeMap()).toSorted(),
  )
  expect(findBreakingChanges(partner, seen)).toEqual([])
  expect(findBreakingChanges(seen, partner)).toEqual([])

  const refused = await gateway.query(key.secret, '{ llmKeys { id } }')
  expect(refused.errors?.map(({ extensions }) => extensions?.['code'])).toEqual(['BAD_USER_INPUT'])

  const ask = (id: string) => gateway.query(key.secret, `{ node(id: "${id}") { id } }`)
  expect((await ask(ids.Content)).data).toEqual({ node: { id: ids.Content } })
  const nobodys = await ask(encodeGlobalId('Nothing', newId()))
  expect(nobodys.errors).toHaveLength(1)
  for (const id of [ids.LlmKey, ids.AuditEvent, ids.GenerationJob, ids.RestoreJob]) {
    const { errors, data } = await ask(id)
    expect({ errors, data }).toEqual({ errors: nobodys.errors, data: nobodys.data })
    const many = await gateway.query(key.secret, `{ nodes(ids: ["${id}"]) { id } }`)
    expect(many.errors?.[0]?.message).toBe(nobodys.errors?.[0]?.message)
  }
})
