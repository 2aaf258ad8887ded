import { expect, test } from 'vitest'
import { toSchema } from '../../../src/app/schema.ts'
import { mapLimit } from '../../../src/lib/map-limit.ts'
import { createQuery, startGateway } from '../../support/gateway.ts'
import { tell } from '../../support/random.ts'
import { medianOf } from '../../support/samples.ts'
import { operationFor, rootFieldsOf } from '../../support/schema-walk.ts'
import { startServing } from '../../support/serving.ts'

const documents = 100_000
const batch = 500

/** Dear to read and cheap to execute: of all that it names nothing is asked for. */
function writeLarge(): string {
  const schema = toSchema()
  const contents = rootFieldsOf(schema).find(({ name }) => name === 'Query.contents')
  if (!contents) throw new Error('no contents')
  const operation = operationFor(schema, contents, 2)
  return operation.replace(/contents\([^)]*\)/, '__typename $& @include(if: false)')
}

test('a hundred thousand documents leave the memory bounded, and one in use is not read again', async () => {
  await using gateway = await startGateway()
  // Where there is memory to spare V8 lets garbage lie; what is kept must fit in this.
  await using serving = await startServing(gateway, { NODE_OPTIONS: '--max-old-space-size=256' })
  const query = createQuery(`${serving.url}/graphql`)
  const token = await serving.tokenOf(await gateway.newTenant())
  const large = writeLarge()
  const ask = async (document: string) => {
    const began = performance.now()
    const { errors } = await query(token, document)
    expect(errors).toBeUndefined()
    return performance.now() - began
  }
  let asked = 0
  const flood = (count: number) =>
    mapLimit(Array.from({ length: count }), 8, () =>
      ask(`query Distinct${asked++} { viewer { scopes } }`),
    )
  for (let warm = 0; warm < 300; warm++) {
    await ask(large)
    await ask(large.replace('Asked', `Warm${warm}`))
  }
  await flood(2_000)

  const before = await serving.residentMb()
  const resident: number[] = []
  const known: number[] = []
  const unknown: number[] = []
  for (let sent = 0; sent < documents; sent += batch) {
    await flood(batch)
    known.push(await ask(large))
    unknown.push(await ask(large.replace('Asked', `Unknown${sent}`)))
    resident.push(await serving.residentMb())
  }

  const most = Math.max(...resident)
  const medians = [medianOf(known), medianOf(unknown)] as const
  tell(
    `resident ${before.toFixed(0)} MB before, ${most.toFixed(0)} MB at most, ${resident.at(-1)?.toFixed(0)} MB after; ` +
      `the document in use ${medians[0].toFixed(2)} ms, one like it ${medians[1].toFixed(2)} ms`,
  )
  expect(most - before).toBeLessThan(64)
  expect(medians[0]).toBeLessThan(medians[1] / 2)
}, 900_000)
