import { setTimeout as delay } from 'node:timers/promises'
import { expect, test, vi } from 'vitest'
import { createTestContents } from '../../support/contents.ts'
import { startGateway } from '../../support/gateway.ts'
import { completed, moveJob, plantJob } from '../../support/jobs.ts'
import {
  countListeners,
  cutListeners,
  openBareSocket,
  socketClient,
  subscribe,
  type Subscriber,
  tokenOfNow,
} from '../../support/live.ts'
import { startBehindProxy } from '../../support/proxied.ts'
import { tell } from '../../support/random.ts'
import { updateOne } from '../../support/writes.ts'
import { seeEveryEnd } from './watchers.ts'

const jobWatched = `subscription ($id: ID!) {
  generationJob(id: $id) { sequence kind job { progress } }
}`

interface JobData {
  generationJob: { sequence: string; kind: string; job: { progress: number } }
}

test('whenever one begins to watch, the end is told once', { timeout: 120_000 }, async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const watchers: Subscriber<JobData>[] = []
  for (let round = 0; round < 40; round++) {
    using client = socketClient(gateway.url, tenant.tokens.owner)
    const job = await plantJob(gateway, tenant)
    const own = Array.from({ length: 25 }, async () => {
      await delay(Math.random() * 40)
      return subscribe<JobData>(client, jobWatched, { id: job.id })
    })
    await delay(Math.random() * 40)
    await moveJob(gateway, job, 'progress = 100')
    await moveJob(gateway, job, completed)
    const begun = await Promise.all(own)
    await vi.waitUntil(() => begun.every((watcher) => watcher.completed), { timeout: 10_000 })
    watchers.push(...begun)
  }
  expect(watchers).toHaveLength(1_000)
  const beginnings = new Set<string>()
  for (const { data, results } of watchers) {
    expect(results).toHaveLength(data.length)
    const kinds = data.map(({ generationJob }) => generationJob.kind)
    expect(kinds.filter((kind) => kind === 'COMPLETED')).toHaveLength(1)
    expect(kinds.at(-1)).toBe('COMPLETED')
    const numbers = data.map(({ generationJob }) => Number(generationJob.sequence))
    expect(numbers).toEqual([...new Set(numbers)].toSorted((a, b) => a - b))
    beginnings.add(kinds.join(' '))
  }
  // Else the timings would not have been random.
  expect(beginnings.size).toBeGreaterThan(1)
})

test('a storm of changes is told in five messages a second, and its end', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const job = await plantJob(gateway, tenant)
  using client = socketClient(gateway.url, tenant.tokens.owner)
  const watcher = subscribe<JobData>(client, jobWatched, { id: job.id })
  await vi.waitFor(() => expect(watcher.data).toHaveLength(1))
  const startedAt = performance.now()
  const seconds = () => (performance.now() - startedAt) / 1_000
  let changes = 0
  let last = 0
  while (seconds() < 4) {
    last = await moveJob(gateway, job, `progress = ${++changes % 100}`)
  }
  await vi.waitFor(() => {
    expect(watcher.data.at(-1)?.generationJob.sequence).toBe(String(last))
  })
  const messages = watcher.data.length
  tell(`storm: ${changes} changes in ${messages} messages`)
  expect(messages).toBeLessThanOrEqual(5 * seconds() + 2)
  expect(changes).toBeGreaterThan(messages)
})

test('what happened while PostgreSQL was away is told when it is back', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const job = await plantJob(gateway, tenant)
  await using behind = await startBehindProxy(gateway, 'postgres')
  using client = socketClient(behind.twin.url, tenant.tokens.owner)
  const watcher = subscribe<JobData>(client, jobWatched, { id: job.id })
  await vi.waitFor(() => expect(watcher.data).toHaveLength(1))
  behind.proxy.faults = { refuse: true }
  behind.proxy.resetAll()
  const last = await moveJob(gateway, job, 'progress = 1')
  await vi.waitUntil(async () => !(await behind.twin.services.database.isReachable()))
  behind.proxy.faults = {}
  await vi.waitUntil(() => watcher.data.at(-1)?.generationJob.sequence === String(last), 10_000)
  expect(watcher.results).toHaveLength(2)
})

test('what was announced while nobody listened is told all the same', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const job = await plantJob(gateway, tenant)
  using client = socketClient(gateway.url, tenant.tokens.owner)
  const watcher = subscribe<JobData>(client, jobWatched, { id: job.id })
  const isTold = (sequence: number) =>
    vi.waitUntil(() => watcher.data.at(-1)?.generationJob.sequence === String(sequence), 10_000)
  await vi.waitFor(() => expect(watcher.data).toHaveLength(1))
  for (let cut = 0; cut < 5; cut++) {
    await vi.waitUntil(async () => (await cutListeners(gateway)) === 1, 10_000)
    await isTold(await moveJob(gateway, job, `progress = ${cut}`))
  }
  await vi.waitUntil(async () => (await countListeners(gateway)) === 1, 10_000)
  await isTold(await moveJob(gateway, job, 'progress = 50'))
  // Announced by nobody at all.
  const { rows } = await gateway.database.admin.query<{ sequence: string }>(
    `update content_generation_jobs set sequence = sequence + 1 where id = $1 returning sequence`,
    [job.databaseId],
  )
  await isTold(Number(rows[0]?.sequence))
})

test(
  'a reader who stops gets what is new then, and keeps nobody waiting',
  { timeout: 120_000 },
  async () => {
    await using gateway = await startGateway()
    const tenant = await gateway.newTenant()
    const [id = ''] = await createTestContents(gateway, tenant, 1)
    const after = await tokenOfNow(gateway, tenant)
    const query = `subscription ($after: String) {
    contentChanged(after: $after) { sequence content { version body { raw } } }
  }`
    using slow = await openBareSocket(gateway.url)
    slow.send({
      type: 'connection_init',
      payload: { authorization: `Bearer ${tenant.tokens.owner}` },
    })
    await vi.waitFor(() => expect(slow.received).toHaveLength(1))
    for (let operation = 0; operation < 20; operation++) {
      const payload = { query, variables: { after } }
      slow.send({ type: 'subscribe', id: `${operation}`, payload })
    }
    using client = socketClient(gateway.url, tenant.tokens.owner)
    const other = subscribe<{ contentChanged: { content: { version: number } } }>(client, query, {
      after,
    })
    const changes = 12
    const raw = 'x'.repeat(1_000_000)
    for (let change = 1; change <= changes; change++) {
      if (change === 2) slow.socket.pause()
      await updateOne(gateway, tenant, id, { body: { format: 'TEXT', raw: `${change} ${raw}` } })
      await vi.waitFor(
        () => expect(other.data.at(-1)?.contentChanged.content.version).toBe(change + 1),
        10_000,
      )
    }
    slow.socket.resume()
    const lastVersions = () =>
      Array.from({ length: 20 }, (_, operation) => {
        const own = slow.received.filter((message) => message.id === `${operation}`)
        const payload = own.at(-1)?.payload as
          | { data?: { contentChanged: { content: { version: number } } } }
          | undefined
        return payload?.data?.contentChanged.content.version
      })
    await vi.waitFor(() => expect(new Set(lastVersions())).toEqual(new Set([changes + 1])), 20_000)
    expect(slow.received.length - 1).toBeLessThan(20 * changes)
  },
)

test('every watcher sees the end, whatever breaks', { timeout: 120_000 }, () =>
  seeEveryEnd({ tenants: 2, jobsPerTenant: 3, watchersPerJob: 4, steps: 10, cuts: 4 }),
)
