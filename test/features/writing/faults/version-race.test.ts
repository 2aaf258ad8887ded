import { expect, test } from 'vitest'
import { startGateway } from '../../../support/gateway.ts'
import { expireLeases, verify } from '../../../support/integrity.ts'
import { untilDecided } from '../../../support/outcome.ts'
import { newContent, readOne, updateOne } from '../../../support/writes.ts'

const writers = 50
const rounds = 4

test('of 50 writers who have seen the same version one makes the next; the others conflict', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const id = await newContent(gateway, tenant)

  for (let version = 1; version <= rounds; version++) {
    const outcomes = await Promise.all(
      Array.from({ length: writers }, (_, writer) => {
        const raw = `Writer ${writer} of version ${version + 1}`
        const fields = { body: { format: 'TEXT' as const, raw }, idempotencyKey: raw }
        return untilDecided(() =>
          updateOne(gateway, tenant, id, { ...fields, expectedVersion: version }),
        )
      }),
    )

    const losers = outcomes.filter((outcome) => outcome !== 'success')
    expect(losers).toEqual(Array.from({ length: writers - 1 }, () => 'CONFLICT'))
    const content = await readOne(gateway, tenant, { id })
    const winner = outcomes.indexOf('success')
    expect(content?.version).toBe(version + 1)
    expect(content?.body?.raw).toBe(`Writer ${winner} of version ${version + 1}`)
  }

  const { rows } = await gateway.database.admin.query<{ number: number }>(
    'select version_number as number from content_versions where tenant_id = $1 order by 1',
    [tenant.id],
  )
  expect(rows.map(({ number }) => number)).toEqual([1, 2, 3, 4, 5])
  await expireLeases(gateway)
  await gateway.sweep()
  const { findings, checked } = await verify(gateway)
  expect(findings).toEqual([])
  // What the losers had stored is gone: a body and a history entry for each version, and no more.
  expect(checked.documents).toBe(2 * rows.length)
})
