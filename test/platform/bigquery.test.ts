import { expect, test } from 'vitest'
import { snapshotTable } from '../../src/platform/recovery-copy/snapshot-tables.ts'
import { startGateway } from '../support/gateway.ts'

test('nothing is sent for somebody who has left already', async () => {
  await using gateway = await startGateway({}, { bigquery: true })
  const { bigquery } = gateway.services
  gateway.bigquery.calls.length = 0
  const reason = new Error('left')
  const signal = AbortSignal.abort(reason)
  const job = { id: 'never', body: [Buffer.from('{}\n')], maxBadRecords: 0 }

  await expect(bigquery?.load(snapshotTable, job, signal)).rejects.toBe(reason)
  await expect(bigquery?.findLoad('never', signal)).rejects.toBe(reason)
  await expect(bigquery?.check(snapshotTable, signal)).rejects.toBe(reason)

  expect(gateway.bigquery.calls).toEqual([])
})

test('whoever sets up a BigQuery that is silent is told so', async () => {
  await using gateway = await startGateway({}, { bigquery: true })
  gateway.bigquery.faults.add({ operation: '*', kind: 'hang' })

  const steps = gateway.services.bigquery?.setUp([snapshotTable])

  await expect(steps?.next()).rejects.toMatchObject({ neighbour: 'BigQuery', failure: 'timeout' })
})
