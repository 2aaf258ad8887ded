import { untilAborted } from '../../lib/until-aborted.ts'
import type { Plan } from '../plan.ts'

export type Costs = Pick<Plan, 'zerodb' | 'bigquery' | 'cacheHits'>

export interface LaneOptions<K, R, V> {
  /** Queries at a time; while they are under way further keys gather for the next one. */
  maxQueries: number
  /** Keys in one query, and what their values may weigh together; one key always travels. */
  maxKeys: number
  maxWeight: number
  weightOf: (key: K) => number
  /** Answers many keys at once. Its signal aborts when nobody waits for any of them any more. */
  query: (keys: readonly K[], signal: AbortSignal) => Promise<R>
  /** Takes the value of one key out of the answer. */
  read: (key: K, answer: R) => Promise<V>
  /** Counts a query for an operation that one of its keys belongs to. */
  charge: (plan: Costs) => void
}

/**
 * The queue of one tenant: concurrent requests for one key share a flight, and flights that begin
 * in one tick share a query. It holds no other tenant's keys, so it cannot mix them up.
 */
export interface Lane<K, V> {
  /** `name` tells keys apart. Rejects with the reason of the caller's signal as soon as it aborts. */
  load(name: string, key: K, caller: Caller): Promise<V>
  /** Keys that are awaited. */
  readonly size: number
}

export interface Caller {
  signal?: AbortSignal | undefined
  /** Counts what this operation cost. */
  plan?: Costs | undefined
}

/** One key, awaited by everybody who asked for it. */
interface Flight<K, V> extends PromiseWithResolvers<V> {
  readonly name: string
  readonly key: K
  waiters: number
  /** The operations that wait for it. */
  readonly plans: Set<Costs>
  /** The request that carries it; undefined while it waits for its turn. */
  query: Query | undefined
}

interface Query {
  readonly controller: AbortController
  /** Flights that somebody still waits for. */
  wanted: number
  /** The operations that have counted it. */
  readonly plans: Set<Costs>
}

export function createLane<K, R, V>(options: LaneOptions<K, R, V>): Lane<K, V> {
  const flights = new Map<string, Flight<K, V>>()
  const waiting = new Set<Flight<K, V>>()
  let queries = 0

  const takeBatch = () => {
    const batch: Flight<K, V>[] = []
    let weight = 0
    for (const flight of waiting) {
      weight += options.weightOf(flight.key)
      if (batch.length === options.maxKeys) break
      if (weight > options.maxWeight && batch.length > 0) break
      batch.push(flight)
      waiting.delete(flight)
    }
    return batch
  }

  const depart = () => {
    while (waiting.size > 0 && queries < options.maxQueries) {
      const batch = takeBatch()
      queries++
      void carry(batch).finally(() => {
        queries--
        depart()
      })
    }
  }

  const carry = async (batch: readonly Flight<K, V>[]) => {
    const { signal } = startQuery(batch, options.charge).controller
    const answer = options.query(
      batch.map(({ key }) => key),
      signal,
    )
    const land = async (flight: Flight<K, V>) => {
      try {
        flight.resolve(await options.read(flight.key, await answer))
      } catch (error) {
        flight.reject(error)
      } finally {
        forget(flight)
      }
    }
    await Promise.all(batch.map(land))
  }

  const forget = (flight: Flight<K, V>) => {
    if (flights.get(flight.name) === flight) flights.delete(flight.name)
  }

  const leave = (flight: Flight<K, V>) => {
    if (--flight.waiters > 0) return
    forget(flight)
    waiting.delete(flight)
    if (flight.query && --flight.query.wanted === 0) flight.query.controller.abort()
  }

  const begin = (name: string, key: K): Flight<K, V> => {
    const flight = createFlight<K, V>(name, key)
    flights.set(name, flight)
    // After this tick's I/O: what arrived together travels together.
    if (waiting.size === 0) setImmediate(depart)
    waiting.add(flight)
    return flight
  }

  return {
    load(name, key, { signal, plan }) {
      if (signal?.aborted) return Promise.reject(signal.reason as Error)
      const flight = flights.get(name) ?? begin(name, key)
      flight.waiters++
      if (plan && flight.query) charge(flight.query, plan, options.charge)
      else if (plan) flight.plans.add(plan)
      return untilAborted(flight.promise, signal, () => leave(flight))
    },
    get size() {
      return flights.size
    },
  }
}

function createFlight<K, V>(name: string, key: K): Flight<K, V> {
  const ending = Promise.withResolvers<V>()
  // When all waiters have left, nobody listens to its failure.
  ending.promise.catch(() => undefined)
  return { ...ending, name, key, waiters: 0, plans: new Set(), query: undefined }
}

function startQuery<K, V>(batch: readonly Flight<K, V>[], count: (plan: Costs) => void): Query {
  const query = { controller: new AbortController(), wanted: batch.length, plans: new Set<Costs>() }
  for (const flight of batch) {
    flight.query = query
    for (const plan of flight.plans) charge(query, plan, count)
  }
  return query
}

function charge(query: Query, plan: Costs, count: (plan: Costs) => void): void {
  if (query.plans.has(plan)) return
  query.plans.add(plan)
  count(plan)
}
