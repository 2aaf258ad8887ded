import { expect, test, vi } from 'vitest'
import { batch, startJob } from '../../support/drafting.ts'
import { startGateway } from '../../support/gateway.ts'
import { socketClient, streamClient, subscribe } from '../../support/live.ts'
import { openCrew } from '../../support/workers.ts'

interface Told {
  generationJob: {
    sequence: string
    kind: string
    job: { status: string; progress: number }
  }
}

const watch = `subscription ($id: ID!) {
  generationJob(id: $id) { sequence kind job { status progress } }
}`

test('a job started on one instance, run by another process, is watched on a third', async () => {
  await using gateway = await startGateway()
  await using third = await gateway.startTwin()
  await using crew = await openCrew(gateway)
  gateway.llm.pace.latencyMs = 300
  const tenant = await gateway.newTenant()
  const { owner } = tenant.tokens
  const { id } = await startJob(gateway, tenant, batch(20))
  using socket = socketClient(third.url, owner)
  using stream = streamClient(third.url, owner)
  const watchers = [socket, stream].map((client) => subscribe<Told>(client, watch, { id }))
  await vi.waitUntil(() => watchers.every(({ data }) => data.length > 0), { timeout: 10_000 })

  await crew.start()
  await vi.waitUntil(() => watchers.every(({ completed }) => completed), { timeout: 20_000 })

  for (const { results, data } of watchers) {
    expect(results.every(({ errors }) => errors === undefined)).toBe(true)
    const events = data.map(({ generationJob }) => generationJob)
    expect(events[0]).toMatchObject({ kind: 'SNAPSHOT', job: { status: 'PENDING', progress: 0 } })
    expect(events.at(-1)).toMatchObject({
      kind: 'COMPLETED',
      job: { status: 'COMPLETED', progress: 20 },
    })
    expect(events.filter(({ job }) => job.status === 'RUNNING').length).toBeGreaterThan(0)
    const sequences = events.map(({ sequence }) => Number(sequence))
    expect(sequences).toEqual([...new Set(sequences)].toSorted((a, b) => a - b))
  }
})
