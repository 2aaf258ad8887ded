import { expect, test } from 'vitest'
import { startGateway } from '../../../support/gateway.ts'
import { expectIntact } from '../../../support/integrity.ts'
import { isRepeatable, outcomeOf } from '../../../support/outcome.ts'
import { createOne, draft } from '../../../support/writes.ts'

test('of 200 requests with one key one has an effect; the others get its result or wait', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  gateway.zerodb.faults.add({ operation: 'insert', kind: 'latency', ms: 20, jitterMs: 50 })
  const input = draft({ idempotencyKey: 'one key' })
  const write = () => createOne(gateway, tenant, input)

  const answering = Array.from({ length: 200 }, write)
  const outcomes = await Promise.all(answering.map(outcomeOf))

  // Who finds no connection to PostgreSQL within his time is told to come back, too.
  expect(outcomes.filter((outcome) => outcome !== 'success' && !isRepeatable(outcome))).toEqual([])
  expect(outcomes).toContain('success')
  const result = await write()
  const answers = await Promise.all(answering.map((answer) => answer.catch(() => undefined)))
  const successes = answers.filter((answer) => answer?.__typename === 'ContentSuccess')
  expect(successes).toEqual(successes.map(() => result))
  const { rows } = await gateway.database.admin.query(
    'select from content_versions where tenant_id = $1',
    [tenant.id],
  )
  expect(rows).toHaveLength(1)
  await expectIntact(gateway)
})
