import { findBreakingChanges, isObjectType, validateSchema } from 'graphql'
import { expect, test } from 'vitest'
import { toSchema } from '../../src/app/schema.ts'
import { audiences, contractOf } from '../../src/graphql/contract.ts'
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
