import { isInputObjectType } from 'graphql'
import { expect, test } from 'vitest'
import { toSchema } from '../../src/app/schema.ts'
import { newId } from '../../src/lib/id.ts'
import { mapLimit } from '../../src/lib/map-limit.ts'
import { argumentsOf, furnish } from '../support/entries.ts'
import { startGateway } from '../support/gateway.ts'
import { countRows } from '../support/rows.ts'
import {
  operationFor,
  place,
  positionsOf,
  reachableFieldsOf,
  sampleOf,
} from '../support/schema-walk.ts'

const schema = toSchema()

/** What the gateway alone decides, as its own rows and types call it. */
const ours = {
  id: newId(),
  tenantId: newId(),
  tenant_id: newId(),
  userId: newId(),
  version: 99,
  deletedAt: null,
  createdAt: '2020-01-01T00:00:00Z',
  zerodbId: newId(),
  scopes: ['OPS_WRITE'],
  ['__proto__']: { admin: true },
}

/** Every place in the arguments of every field where an object stands, with the names it knows itself. */
const places = reachableFieldsOf(schema).flatMap((coordinate) => {
  const inputs = Object.values(schema.getTypeMap()).filter(isInputObjectType)
  return inputs.flatMap((input) =>
    positionsOf(coordinate.field, ({ name }) => name === input.name).map((position) => ({
      coordinate,
      position,
      input,
    })),
  )
})

test(
  'what the gateway decides cannot be slipped into any input',
  { timeout: 120_000 },
  async () => {
    await using gateway = await startGateway()
    const { tenant, ids } = await furnish(gateway, 'OWN')
    const before = await countRows(gateway.database.admin)
    expect(places.length).toBeGreaterThan(30)
    const accepted: string[] = []
    await mapLimit(places, 2, async ({ coordinate, position, input }) => {
      const operation = operationFor(schema, coordinate, 0)
      const foreign = Object.entries(ours).filter(([name]) => !(name in input.getFields()))
      expect(foreign.length).toBeGreaterThan(5)
      for (const [name, value] of foreign) {
        const sample = { ...(sampleOf(input) as object), [name]: value }
        const args = place(coordinate.field, argumentsOf(coordinate, ids), position, sample)
        const { errors = [], data, text } = await gateway.query(tenant, operation, args)
        const isRefused = errors.every(
          ({ extensions }) => extensions?.['code'] === 'BAD_USER_INPUT',
        )
        const isNamed = errors.some(({ message }) => message.includes(`"${name}"`))
        if (!isRefused || !isNamed || data !== undefined)
          accepted.push(`${coordinate.name}(${position.join('.')}) with ${name}: ${text}`)
      }
    })
    expect(accepted).toEqual([])
    expect(await countRows(gateway.database.admin)).toEqual(before)
  },
)
