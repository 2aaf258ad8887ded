import { expect, test } from 'vitest'
import { noteStores } from '../../../src/features/operations/note-stores.ts'
import { watchStores } from '../../../src/features/operations/watch-stores.ts'
import { encodeGlobalId } from '../../../src/graphql/global-id.ts'
import { newId } from '../../../src/lib/id.ts'
import { plantAlert, plantMinute } from '../../support/alerts.ts'
import { startGateway, type TestGateway, type TestTenant } from '../../support/gateway.ts'
import { graphql } from '../../support/gql/gql.ts'
import { createOne, draft } from '../../support/writes.ts'

const alertsDocument = graphql(`
  query Alerts($firing: Boolean! = true) {
    alerts(firing: $firing) {
      id
      kind
      tenant {
        databaseId
      }
      threshold
      value
      firingSince
      resolvedAt
      acknowledgedBy {
        displayName
      }
      acknowledgedAt
    }
  }
`)

const acknowledgeDocument = graphql(`
  mutation AcknowledgeAlert($id: ID!) {
    acknowledgeAlert(id: $id) {
      __typename
      ... on OpsSuccess {
        message
        alert {
          id
          acknowledgedAt
        }
      }
    }
  }
`)

async function list(gateway: TestGateway, tenant: TestTenant, firing = true) {
  const { data, errors } = await gateway.query(tenant, alertsDocument, { firing })
  expect(errors).toBeUndefined()
  return data?.alerts ?? []
}

/** As if so many minutes had passed for what was noted of ZeroDB. */
async function passMinutes({ database }: TestGateway, minutes: number) {
  await database.admin.query(
    `update stores.zerodb_minutes set minute = minute - make_interval(mins => $1)`,
    [minutes],
  )
}

test('more than one percent of failures is an alert of every tenant, until it is well again', async () => {
  await using gateway = await startGateway()
  const [one, two] = [await gateway.newTenant(), await gateway.newTenant()]
  await plantMinute(gateway, { ago: 1, requests: 500, failures: 5 })
  await watchStores(gateway.services)
  expect(await list(gateway, one)).toEqual([])

  await plantMinute(gateway, { ago: 2, requests: 500, failures: 6 })
  await watchStores(gateway.services)
  const alert = {
    kind: 'ZERODB_ERRORS',
    tenant: null,
    threshold: '1%',
    value: '1.1% of 1000 requests',
    resolvedAt: null,
  }
  expect(await list(gateway, one)).toMatchObject([alert])
  expect(await list(gateway, two)).toMatchObject([alert])

  // Below the line, but not well below.
  await plantMinute(gateway, { ago: 0, requests: 600 })
  await watchStores(gateway.services)
  expect(await list(gateway, one)).toMatchObject([{ ...alert, value: '1.1% of 1000 requests' }])
  await plantMinute(gateway, { ago: 0, requests: 700 })
  await watchStores(gateway.services)
  expect(await list(gateway, one)).toEqual([])
  expect(await list(gateway, two, false)).toMatchObject([
    { ...alert, resolvedAt: expect.any(String) },
  ])
})

test('one answer in twenty above 500 ms is an alert, by the requests of all instances', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  // A hundred answers, five of them slow: the ninety-fifth is quick.
  await plantMinute(gateway, { ago: 1, requests: 81, failures: 1, slow: 1 })
  await plantMinute(gateway, { ago: 1, requests: 20, slow: 4 })
  await watchStores(gateway.services)
  expect((await list(gateway, tenant)).map(({ kind }) => kind)).toEqual([])

  await plantMinute(gateway, { ago: 1, requests: 1, slow: 1 })
  await watchStores(gateway.services)
  expect(await list(gateway, tenant)).toMatchObject([
    {
      kind: 'ZERODB_LATENCY',
      threshold: 'p95 500 ms',
      value: '5.9% of 101 answers took longer than 500 ms',
    },
  ])
  await passMinutes(gateway, 10)
  await watchStores(gateway.services)
  // Nothing is known of these minutes.
  expect(await list(gateway, tenant)).toHaveLength(1)
  await plantMinute(gateway, { ago: 1, requests: 3 })
  await watchStores(gateway.services)
  expect(await list(gateway, tenant)).toEqual([])
})

test('of a handful of requests nothing can be said', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  await plantMinute(gateway, { ago: 1, requests: 19, failures: 19 })
  await watchStores(gateway.services)
  expect(await list(gateway, tenant)).toEqual([])
})

test('what ZeroDB really does is noted, each request and each failure once', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  await noteStores(gateway.services)
  await createOne(gateway, tenant, draft())
  await noteStores(gateway.services)
  await noteStores(gateway.services)
  const { requests: sent } = gateway.services.zerodb.health().totals
  const noted = () =>
    gateway.database.admin
      .query<{ requests: number; failures: number }>(
        `select sum(requests)::integer as requests, sum(failures)::integer as failures
         from stores.zerodb_minutes`,
      )
      .then(({ rows }) => rows[0])
  expect(await noted()).toEqual({ requests: sent, failures: 0 })

  gateway.zerodb.faults.add({ operation: '*', kind: 'status', status: 500 })
  for (let n = 0; n < 5; n++) {
    await gateway.services.zerodb.checkFilter('content_items').catch(() => {})
  }
  await noteStores(gateway.services)
  const { totals } = gateway.services.zerodb.health()
  expect(totals.failures).toBeGreaterThan(0)
  expect(await noted()).toEqual({ requests: totals.requests, failures: totals.failures })
})

test('notes are kept for seven days', async () => {
  await using gateway = await startGateway()
  await plantMinute(gateway, { ago: 7 * 1_440 + 1, requests: 1 })
  await plantMinute(gateway, { ago: 7 * 1_440 - 5, requests: 2 })
  await watchStores(gateway.services)
  const { rows } = await gateway.database.admin.query(`select requests from stores.zerodb_minutes`)
  expect(rows).toEqual([{ requests: 2 }])
})

test('an alert is acknowledged once, for its tenant alone, and the audit knows by whom', async () => {
  await using gateway = await startGateway()
  const [one, two] = [await gateway.newTenant(), await gateway.newTenant()]
  await plantMinute(gateway, { ago: 1, requests: 100, failures: 50 })
  await watchStores(gateway.services)
  const own = await plantAlert(gateway, one, 'OWN')
  const [shared] = await list(gateway, two)
  const acknowledge = async (tenant: TestTenant, id: string) =>
    (await gateway.query(tenant, acknowledgeDocument, { id })).data?.acknowledgeAlert

  const ids = [own, shared?.id ?? '']
  for (const id of ids) {
    expect(await acknowledge(one, id)).toEqual({
      __typename: 'OpsSuccess',
      message: 'Acknowledged.',
      alert: { id, acknowledgedAt: expect.any(String) },
    })
    expect(await acknowledge(one, id)).toMatchObject({ message: expect.stringMatching('already') })
  }

  const acknowledgedBy = { displayName: 'The owner' }
  expect(await list(gateway, one)).toMatchObject([{ acknowledgedBy }, { acknowledgedBy }])
  expect(await list(gateway, two)).toMatchObject([{ acknowledgedBy: null, acknowledgedAt: null }])
  expect(await acknowledge(two, own)).toEqual({ __typename: 'ValidationError' })
  expect(await acknowledge(two, encodeGlobalId('Alert', newId()))).toEqual({
    __typename: 'ValidationError',
  })
  const { rows } = await gateway.database.admin.query(
    `select tenant_id, subject_type, after from audit_events where action = 'acknowledgeAlert'
     order by id`,
  )
  expect(rows).toEqual([
    { tenant_id: one.id, subject_type: 'Alert', after: { kind: 'USAGE_DRIFT' } },
    { tenant_id: one.id, subject_type: 'Alert', after: { kind: 'ZERODB_ERRORS' } },
  ])
})
