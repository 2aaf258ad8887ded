import { expect, test, vi } from 'vitest'
import { startGateway } from '../../support/gateway.ts'

test('denials beyond ten a minute share one event, which says how many they were', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const { viewer } = tenant.tokens
  for (let n = 0; n < 40; n++) {
    await gateway.query(viewer, n % 2 ? '{ storeHealth { store } }' : '{ alerts { id } }')
  }
  const events = async () => {
    const { rows } = await gateway.database.admin.query<{ after: object }>(
      `select after from audit_events where tenant_id = $1 and action = 'denied' order by id`,
      [tenant.id],
    )
    return rows.map(({ after }) => after)
  }
  expect(await events()).toHaveLength(10)
  await vi.waitFor(async () => expect(await events()).toHaveLength(11), {
    timeout: 90_000,
    interval: 1_000,
  })
  expect((await events()).at(-1)).toEqual({
    fields: ['Query.alerts', 'Query.storeHealth'],
    requiredScopes: ['OPS_READ'],
    times: 30,
  })
}, 120_000)
