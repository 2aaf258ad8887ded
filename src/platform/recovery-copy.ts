import { LRUCache } from 'lru-cache'
import { UpstreamError } from '../lib/errors.ts'
import type { BigQuery } from './bigquery.ts'
import { heldBytes } from './document-store/body.ts'
import { type Caller, createLane, type Lane } from './document-store/lane.ts'
import { createBulkhead } from './recovery-copy/bulkhead.ts'
import {
  type CopiedVersion,
  type CopyRef,
  neighbour,
  readVersions,
  type VersionRows,
  verifyVersion,
} from './recovery-copy/read-versions.ts'
import { createRest, type Rest } from './recovery-copy/rest.ts'
import { snapshotTable } from './recovery-copy/snapshot-tables.ts'
import { copyCache } from './telemetry.ts'
import type { ZeroDbAlarm } from './zerodb.ts'

export type { CopiedVersion, CopyRef } from './recovery-copy/read-versions.ts'

/**
 * Reads versions from BigQuery, for the whole process, while ZeroDB cannot be read. What came from here is
 * kept apart from the documents in memory, so that it is not shown for longer than it is needed.
 */
export interface RecoveryCopy {
  /**
   * Null when the copy has no such version. Concurrent readers of one tenant share queries. Fails with
   * UpstreamError, at once while the copy does not answer or too many wait for it, and `malformed` when
   * the body is not the one PostgreSQL knows; or with the signal's reason as soon as the caller leaves.
   */
  get(tenantId: string, ref: CopyRef, call?: Caller): Promise<CopiedVersion | null>
  /** What is in memory now. */
  heldBytes(): number
}

export interface RecoveryCopyOptions {
  bigquery: Pick<BigQuery, 'query'>
  cacheBytes: number
  onAlarm?: (alarm: ZeroDbAlarm) => void
}

/** The copy is for emergencies, and each query is paid for: so many for all tenants together. */
const pace = { maxInFlight: 4, maxPerSecond: 2 }
const queryMs = 3_000
/** With waiting; after ZeroDB's own five seconds it still ends before the operation does. */
const patienceMs = 4_500
/** Whoever comes behind so many tenants would be served when their patience is over. */
const maxWaiting = 8
const maxKeysPerQuery = 1_000
const maxKeysPerTenant = 2_000
/** Bodies in one answer; BigQuery sends 10 MB a page. */
const maxQueryBytes = 8 * 1024 ** 2
const rests = { firstMs: 1_000, longestMs: 30_000 }

export function createRecoveryCopy(options: RecoveryCopyOptions): RecoveryCopy {
  const cache = new LRUCache<string, CopiedVersion>({
    maxSize: Math.max(1, options.cacheBytes),
    // A history entry is about as large as what surrounds a body.
    sizeCalculation: ({ document }) => 2 * heldBytes(document),
  })
  const rest = createRest(rests)
  const lanes = createLanes(options, rest, (tenantId, ref, version) =>
    cache.set(keyOf(tenantId, ref), version),
  )
  const load = async (tenantId: string, ref: CopyRef, { signal, plan }: Caller) => {
    const lane = lanes(tenantId)
    if (lane.size >= maxKeysPerTenant) throw overloaded(`${lane.size} versions are waited for`)
    const patience = AbortSignal.timeout(patienceMs)
    const either = signal ? AbortSignal.any([signal, patience]) : patience
    try {
      return await lane.load(keyOf(tenantId, ref), ref, { signal: either, plan })
    } catch (error) {
      if (error !== patience.reason) throw error
      throw new UpstreamError(neighbour, 'timeout', `no turn within ${patienceMs} ms`)
    }
  }

  return {
    async get(tenantId, ref, call = {}) {
      const cached = cache.get(keyOf(tenantId, ref))
      if (cached) {
        copyCache.hits++
        if (call.plan) call.plan.cacheHits++
        return cached
      }
      copyCache.misses++
      if (!rest.isFailing) return load(tenantId, ref, call)
      const leftMs = rest.leftMs()
      // Nobody waits to learn that it is still away; whoever comes next finds what was read.
      if (leftMs === 0) load(tenantId, ref, { plan: call.plan }).catch(() => {})
      throw leftAlone(leftMs || rests.firstMs)
    },
    heldBytes: () => cache.calculatedSize,
  }
}

type TenantLane = Lane<CopyRef, CopiedVersion | null>

/** The queue of each tenant, behind one bulkhead for all. */
function createLanes(
  { bigquery, onAlarm }: RecoveryCopyOptions,
  rest: Rest,
  onRead: (tenantId: string, ref: CopyRef, version: CopiedVersion) => void,
): (tenantId: string) => TenantLane {
  const lanes = new LRUCache<string, TenantLane>({ max: 10_000 })
  const bulkhead = createBulkhead({
    ...pace,
    maxWaiting,
    refuse: () => overloaded(`${maxWaiting} tenants are waiting`),
  })

  const ask = async (tenantId: string, refs: readonly CopyRef[], signal: AbortSignal) => {
    // Those ahead may have failed while this one waited for its turn.
    const leftMs = rest.leftMs()
    if (leftMs > 0) throw leftAlone(leftMs)
    const round = rest.begin(queryMs)
    try {
      const rows = await readVersions(bigquery, tenantId, refs, { signal, timeoutMs: queryMs })
      rest.end(true, round)
      return rows
    } catch (error) {
      if (!signal.aborted) rest.end(false, round)
      throw error
    }
  }

  const read = async (tenantId: string, ref: CopyRef, rows: VersionRows) => {
    const row = rows.get(ref.versionId)
    if (!row) return null
    try {
      const version = await verifyVersion(ref, row)
      onRead(tenantId, ref, version)
      return version
    } catch (error) {
      const { versionId: key } = ref
      onAlarm?.({ kind: 'corruptBody', tenantId, table: snapshotTable.name, key })
      throw error
    }
  }

  return (tenantId) => {
    const known = lanes.get(tenantId)
    if (known) return known
    const lane: TenantLane = createLane({
      // One at a time: tenants take turns in the bulkhead, and what comes meanwhile gathers.
      maxQueries: 1,
      maxKeys: maxKeysPerQuery,
      maxWeight: maxQueryBytes,
      weightOf: ({ sizeBytes }) => sizeBytes,
      query: (refs, signal) => bulkhead.run(signal, () => ask(tenantId, refs, signal)),
      read: (ref, rows: VersionRows) => read(tenantId, ref, rows),
      charge: (plan) => plan.bigquery++,
    })
    lanes.set(tenantId, lane)
    return lane
  }
}

function keyOf(tenantId: string, { versionId, sha256 }: CopyRef): string {
  return `${tenantId}:${versionId}:${sha256}`
}

function leftAlone(leftMs: number): UpstreamError {
  const retryAfterMs = Math.ceil(leftMs)
  return new UpstreamError(neighbour, 'unavailable', 'left alone after a failure', { retryAfterMs })
}

function overloaded(message: string): UpstreamError {
  return new UpstreamError(neighbour, 'overloaded', message, { retryAfterMs: patienceMs })
}
