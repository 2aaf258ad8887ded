import { type Client, createClient } from 'graphql-ws'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, vi } from 'vitest'
import { WebSocket } from 'ws'
import { openIssuer } from '../../src/local/issuer.ts'
import { type Balancer, startBalancer } from '../support/balancer.ts'
import { createTestContents } from '../support/contents.ts'
import { createQuery, startGateway, type TestGateway, type TestTenant } from '../support/gateway.ts'
import { type Instances, startInstances } from '../support/instances.ts'
import { completed, moveJob, type PlantedJob, plantJob } from '../support/jobs.ts'
import { temporaryDirectory } from '../support/program.ts'
import { chooseSeed, tell } from '../support/random.ts'
import { Workload } from '../support/workload.ts'

export interface RestartOptions {
  /** One instance after the other, two in turn. */
  restarts: number
  sockets: number
  /** Clients who read, think, and read again over connections that they keep. */
  readers: number
  /** Clients who write all the time, each of whom waits for its answer. */
  writers: number
}

/** Of one tenant; it may have 100 at an instance, and each instance has them all for a while. */
const socketsPerTenant = 50
const goingAway = 1001
const maxRetryMs = 1_000
const maxExitMs = 20_000
/** Fewer may be closed within one second by chance. */
const manySockets = 100
/** Longer than clients keep a connection that they do not use. */
const maxThinkMs = 6_000
/** So long it may take until clients and balancer have found their way back. */
const back = { timeout: 60_000, interval: 50 }

/** Two instances are restarted by turns behind a load balancer, and nobody's request fails. */
export async function restartUnderLoad(options: RestartOptions): Promise<void> {
  const seed = chooseSeed()
  await using gateway = await startGateway()
  await using directory = await temporaryDirectory()
  const tenants = await createTenants(gateway, directory.path, options.sockets)
  await using instances = await startInstances(gateway, directory.path, 2)
  await using balancer = await startBalancer(instances.ports)
  const areServed = () => instances.ports.every((port) => balancer.serves(port))
  await vi.waitUntil(areServed, back)
  // So that each restart finds requests under way.
  for (const operation of ['query', 'insert'] as const) {
    gateway.zerodb.faults.add({ operation, kind: 'latency', ms: 20, jitterMs: 200 })
  }
  using watchers = await openWatchers(balancer, tenants, options.sockets)

  const api = { query: createQuery(`${balancer.url}/graphql`) }
  const [{ tenant }] = tenants
  using workload = new Workload({ api, tenant, seed })
  const stop = new AbortController()
  const restarts: Restart[] = []
  const restartAll = async () => {
    for (let turn = 0; turn < options.restarts; turn++) {
      restarts.push(await restart(instances, turn % 2, watchers))
      for (const { job } of tenants) await moveJob(gateway, job, 'progress = progress + 1')
      await vi.waitUntil(() => areServed() && watchers.areOpen(), back)
    }
    stop.abort()
  }
  const startedAt = performance.now()
  const [reads] = await Promise.all([
    readUntil(stop.signal, api, tenants, options.readers),
    workload.runUntil(stop.signal, options.writers),
    restartAll(),
  ])
  const seconds = Math.round((performance.now() - startedAt) / 1_000)
  watchers.leave()
  for (const { job } of tenants) await moveJob(gateway, job, completed)
  const seen = await watchers.ends

  const exits = restarts.map(({ exitMs }) => exitMs)
  const spreads = restarts.map(({ spreadMs }) => spreadMs)
  tell(
    `restarts: ${options.restarts} in ${seconds} s; ${reads.length} reads, writes: ` +
      `${workload.tally()}; exits after ${range(exits)} ms; ` +
      `${watchers.closings.length} sockets closed, each time over ${range(spreads)} ms`,
  )
  const outcomes = [...reads, ...workload.attempts.map(({ outcome }) => outcome)]
  expect(outcomes.filter((outcome) => outcome !== 'success')).toEqual([])
  expect(restarts.map(({ code }) => code)).toEqual(restarts.map(() => 0))
  expect(Math.max(...exits)).toBeLessThan(maxExitMs)
  expect(new Set(watchers.closings.map(({ code }) => code))).toEqual(new Set([goingAway]))
  for (const { closed, inOneSecond } of restarts) {
    expect(closed).toBeGreaterThan(0)
    if (closed >= manySockets) expect(inOneSecond).toBeLessThan(closed / 2)
  }
  for (const kinds of seen) {
    expect(kinds.filter((kind) => kind === 'COMPLETED')).toHaveLength(1)
  }
  await workload.expectExactly(gateway.database.admin)
}

/** One of two instances is killed under load: whoever had a request there succeeds with the next try. */
export async function killUnderLoad(): Promise<void> {
  const seed = chooseSeed()
  await using gateway = await startGateway()
  await using directory = await temporaryDirectory()
  const tenants = await createTenants(gateway, directory.path, 0)
  await using instances = await startInstances(gateway, directory.path, 2)
  await using balancer = await startBalancer(instances.ports)
  await vi.waitUntil(() => instances.ports.every((port) => balancer.serves(port)), back)
  gateway.zerodb.faults.add({ operation: 'insert', kind: 'latency', ms: 100, jitterMs: 200 })
  const api = { query: createQuery(`${balancer.url}/graphql`) }
  const { admin } = gateway.database
  using workload = new Workload({ api, tenant: tenants[0].tenant, seed, admin })
  const stop = new AbortController()
  const strike = async () => {
    await vi.waitUntil(() => workload.succeeded >= 10, back)
    await instances.kill(0)
    const before = workload.succeeded
    await vi.waitUntil(() => workload.succeeded >= before + 30, back)
    stop.abort()
  }
  await Promise.all([workload.runUntil(stop.signal, 8), strike()])

  tell(`a killed instance: ${workload.tally()}`)
  const outcomes = workload.attempts.map(({ outcome }) => outcome)
  // A write that was begun is nobody else's until its lease is over, so its repeat may have to wait.
  expect(['success', 'connection', 'IDEMPOTENCY_IN_PROGRESS']).toEqual(
    expect.arrayContaining([...new Set(outcomes)]),
  )
  const broken = outcomes.filter((outcome) => outcome === 'connection').length
  expect(broken).toBeGreaterThan(0)
  // Those under way, and no others.
  expect(broken).toBeLessThanOrEqual(8)
  await workload.expectExactly(admin)
}

interface Watched {
  generationJob: { kind: string }
}

interface Watching {
  tenant: TestTenant
  job: PlantedJob
}

/** The first writes; of the others there are as many as the sockets need, each with contents to read. */
async function createTenants(
  gateway: TestGateway,
  dataDir: string,
  sockets: number,
): Promise<[Watching, ...Watching[]]> {
  const issuer = await openIssuer(dataDir)
  const create = async (contents: number): Promise<Watching> => {
    const tenant = await gateway.newTenant()
    if (contents > 0) await createTestContents(gateway, tenant, contents)
    const job = await plantJob(gateway, tenant)
    await moveJob(gateway, job, `status = 'running', started_at = now()`)
    const claims = { subject: 'owner@test', tenantId: tenant.id, audience: 'content-gateway' }
    const owner = await issuer.sign(claims)
    return { tenant: { ...tenant, tokens: { ...tenant.tokens, owner } }, job }
  }
  const others = Array.from({ length: Math.ceil(sockets / socketsPerTenant) }, () => create(10))
  return [await create(0), ...(await Promise.all(others))]
}

interface Watchers extends Disposable {
  /** The kinds of events that each saw, once it has seen the end. */
  ends: Promise<string[][]>
  /** Of sockets, so far, by the other side. */
  closings: readonly { code: number; at: number }[]
  areOpen(): boolean
  /** From now on they close by themselves, and are not counted. */
  leave(): void
}

/** Who is told that there is too much to do comes again, as clients are to. */
async function watchToTheEnd(client: Client, { id }: PlantedJob): Promise<string[]> {
  const kinds: string[] = []
  for (;;) {
    try {
      const results = client.iterate<Watched>({ query: jobWatched, variables: { id } })
      for await (const { data } of results) kinds.push(data?.generationJob.kind ?? '')
      return kinds
    } catch (error) {
      if (!JSON.stringify(error).includes('"OVERLOADED"')) throw error
      await delay(maxRetryMs)
    }
  }
}

const jobWatched = 'subscription ($id: ID!) { generationJob(id: $id) { kind } }'

/** Each has a socket of its own, as a page of the Studio has, and connects again by itself. */
async function openWatchers(
  { url }: Balancer,
  tenants: readonly Watching[],
  sockets: number,
): Promise<Watchers> {
  using opened = new DisposableStack()
  const closings: { code: number; at: number }[] = []
  const open = new Set<number>()
  let isOver = false
  const watch = ({ tenant, job }: Watching, index: number) => {
    const client = createClient({
      url: `${url.replace('http', 'ws')}/graphql`,
      webSocketImpl: WebSocket,
      connectionParams: { authorization: `Bearer ${tenant.tokens.owner}` },
      lazy: false,
      retryAttempts: Infinity,
      // An upgrade that is refused is no close to this client; usually it would give up.
      shouldRetry: () => true,
      retryWait: () => delay(Math.random() * maxRetryMs),
      on: {
        connected: () => open.add(index),
        closed(event) {
          // A connection that is refused was never open: this client hears of it as 1006.
          if (!open.delete(index) || isOver) return
          const { code } = event as { code: number }
          closings.push({ code, at: performance.now() })
        },
      },
    })
    opened.defer(() => void client.dispose())
    return watchToTheEnd(client, job)
  }
  const all: Promise<string[]>[] = []
  while (all.length < sockets) {
    const own = tenants[1 + (all.length % (tenants.length - 1))] as Watching
    all.push(watch(own, all.length))
    // Of one address, the balancer's here, 20 may not have said yet who they are.
    await vi.waitUntil(() => all.length - open.size < 10, back)
  }
  await vi.waitUntil(() => open.size === sockets, back)
  const owned = opened.move()
  const ends = Promise.all(all)
  ends.catch(() => {})
  return {
    ends,
    closings,
    areOpen: () => open.size === sockets,
    leave: () => (isOver = true),
    [Symbol.dispose]: () => owned.dispose(),
  }
}

interface Restart {
  code: number | null
  exitMs: number
  /** Sockets, and from the first to the last of them. */
  closed: number
  spreadMs: number
  /** The most that closed within one second. */
  inOneSecond: number
}

async function restart(instances: Instances, index: number, watchers: Watchers): Promise<Restart> {
  const before = watchers.closings.length
  const ended = await instances.restart(index)
  const times = watchers.closings.slice(before).map(({ at }) => at)
  const within = times.map((time) => times.filter((at) => at >= time && at < time + 1_000).length)
  const spreadMs = Math.max(...times) - Math.min(...times)
  return { ...ended, closed: times.length, spreadMs, inOneSecond: Math.max(...within) }
}

function range(values: readonly number[]): string {
  return `${Math.round(Math.min(...values))} to ${Math.round(Math.max(...values))}`
}

const page = '{ contents(first: 10) { nodes { title body { raw } } } }'

/** Pages, and by every fourth reader first events of streams; tells what came of each request. */
async function readUntil(
  signal: AbortSignal,
  { query }: Pick<TestGateway, 'query'>,
  tenants: readonly Watching[],
  readers: number,
): Promise<string[]> {
  const outcomes: string[] = []
  const readOnce = async ({ tenant, job }: Watching, wantsStream: boolean) => {
    const { status, errors } = wantsStream
      ? await query(tenant, jobWatched, { id: job.id })
      : await query(tenant, page)
    return status === 200 && !errors ? 'success' : `${status} ${JSON.stringify(errors)}`
  }
  const read = async (reader: number) => {
    const own = tenants[reader % tenants.length] as Watching
    while (!signal.aborted) {
      await delay(Math.random() ** 4 * maxThinkMs)
      outcomes.push(await readOnce(own, reader % 4 === 0).catch(String))
    }
  }
  await Promise.all(Array.from({ length: readers }, (_, reader) => read(reader)))
  return outcomes
}
