import { expect, test } from 'vitest'
import { toSchema } from '../../src/app/schema.ts'
import { mapLimit } from '../../src/lib/map-limit.ts'
import { canary, tracesOfSecrets } from '../support/canaries.ts'
import { argumentsOf, furnish } from '../support/entries.ts'
import { startGateway } from '../support/gateway.ts'
import {
  type Coordinate,
  operationFor,
  place,
  type Position,
  positionsOf,
  reachableFieldsOf,
  rootFieldsOf,
} from '../support/schema-walk.ts'

const schema = toSchema()

interface Place {
  coordinate: Coordinate
  position: Position
  /** Of the type that belongs there. */
  type: string
}

const places: Place[] = reachableFieldsOf(schema).flatMap((coordinate) =>
  Object.values(schema.getTypeMap()).flatMap((type) =>
    positionsOf(coordinate.field, ({ name }) => name === type.name).map((position) => ({
      coordinate,
      position,
      type: type.name,
    })),
  ),
)

/** What belongs nowhere but in JSON; where text belongs, text may be said back. */
function wrongValues({ type }: Place, secret: string): unknown[] {
  if (type === 'JSON') return []
  const wrong = [[secret], [[secret]], { [secret]: secret }, { secret }]
  return type === 'String' ? wrong : [secret, ...wrong]
}

test('a secret in the wrong place of any argument is neither said back nor written to the log', async () => {
  // The log is looked at too, by the gateway's own.
  await using gateway = await startGateway()
  const { tenant, ids } = await furnish(gateway, 'OWN')
  const secret = canary('misplaced')
  const word = secret.replaceAll('-', '_')
  const headers = {
    authorization: `Bearer ${tenant.tokens.owner}`,
    'content-type': 'application/json',
  }
  const told: string[] = []
  const send = async (what: string, body: object) => {
    const response = await fetch(gateway.url, {
      method: 'POST',
      headers,
      body: JSON.stringify(body),
    })
    const text = await response.text()
    const isRefused =
      response.status < 500 && /"code":"(BAD_REQUEST|BAD_USER_INPUT|VALIDATION)"/.test(text)
    if (!isRefused || tracesOfSecrets().some((trace) => text.includes(trace)))
      told.push(`${what}: ${text.slice(0, 300)}`)
  }
  expect(places.length).toBeGreaterThan(300)

  await mapLimit(places, 4, async (where) => {
    const { coordinate, position } = where
    const args = argumentsOf(coordinate, ids)
    const query = operationFor(schema, coordinate, 0)
    for (const value of wrongValues(where, secret)) {
      const variables = place(coordinate.field, args, position, value)
      const what = `${coordinate.name}(${position.join('.')}: ${typeof value})`
      await send(what, { query, variables })
    }
  })
  await mapLimit(rootFieldsOf(schema), 4, async (coordinate) => {
    const variables = argumentsOf(coordinate, ids)
    const query = operationFor(schema, coordinate, 0)
    const { name } = coordinate
    await send(`${name} by another name`, { query, variables, operationName: secret })
    await send(`${name} by another word`, { query, variables, operationName: word })
    for (const extensions of [secret, [secret]])
      await send(`${name} with extensions`, { query, variables, extensions })
    for (const argument of coordinate.field.args.filter(({ type }) => String(type) !== 'JSON')) {
      const renamed = query.replaceAll(new RegExp(`\\$${argument.name}\\b`, 'g'), () => `$${word}`)
      // A value of no type: what is said of it names the variable.
      await send(`${name}($${argument.name} renamed)`, {
        query: renamed,
        variables: { ...variables, [word]: { [secret]: secret } },
      })
    }
  })
  expect(told).toEqual([])
}, 120_000)
