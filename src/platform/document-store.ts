import { LRUCache } from 'lru-cache'
import { UpstreamError } from '../lib/errors.ts'
import { decodeBody, heldBytes, type StoredDocument } from './document-store/body.ts'
import { createLane, type Caller, type Lane } from './document-store/lane.ts'
import { bodyCache } from './telemetry.ts'
import { keysPerQuery, type RowData, type ZeroDb, type ZeroDbAlarm } from './zerodb.ts'

export { decodeBody, encodeBody } from './document-store/body.ts'
export type { StoredDocument } from './document-store/body.ts'

/** Which document, and the checksum PostgreSQL knows it by. */
export interface DocumentRef {
  readonly id: string
  readonly sha256: string
  /** Of the body in UTF-8; queries are cut by what they bring back. */
  readonly sizeBytes: number
}

export type DocumentCall = Caller

/**
 * Reads body documents for the whole process. They are immutable, so what was verified once stays
 * true and is kept; concurrent readers of one tenant share requests.
 */
export interface DocumentStore {
  /**
   * At once when it is in memory: a page of hits costs no promise. `null` when ZeroDB has no such
   * document. Fails with UpstreamError, `malformed` when the document is not the one PostgreSQL
   * knows; or with the signal's reason as soon as the caller leaves.
   */
  get(
    tenantId: string,
    ref: DocumentRef,
    call?: DocumentCall,
  ): StoredDocument | Promise<StoredDocument | null>
  /** Keeps a document that was just written. */
  put(tenantId: string, document: StoredDocument): void
  hasCached(tenantId: string, id: string): boolean
  /** What is in memory now. */
  heldBytes(): number
}

export interface DocumentStoreOptions {
  zerodb: Pick<ZeroDb, 'getRowsByKey'>
  table?: string
  cacheBytes?: number
  /** Requests at a time for one tenant: fewer than ZeroDB takes, so no tenant can hold them all. */
  maxQueriesPerTenant?: number
  onAlarm?: (alarm: ZeroDbAlarm) => void
}

/** Bodies in one answer: a quarter of what the client reads, for JSON may double what it carries. */
const maxQueryBytes = 8 * 1024 ** 2

type Rows = ReadonlyMap<string, RowData>
type TenantLane = Lane<DocumentRef, StoredDocument | null>

export function createDocumentStore(options: DocumentStoreOptions): DocumentStore {
  const { zerodb, table = 'content_items', maxQueriesPerTenant = 4, onAlarm } = options
  const cache = new LRUCache<string, StoredDocument>({
    // A cache of no size is one in which nothing fits.
    maxSize: Math.max(1, options.cacheBytes ?? 64 * 1024 ** 2),
    sizeCalculation: heldBytes,
  })
  // Forgetting the lane of a quiet tenant costs nothing; of a busy one, a shared request at most.
  const lanes = new LRUCache<string, TenantLane>({ max: 10_000 })

  const refuse = (tenantId: string, id: string, cause: unknown) => {
    onAlarm?.({ kind: 'corruptBody', tenantId, table, key: id })
    const message = `document ${id} of tenant ${tenantId} is not the one that was stored`
    return new UpstreamError('ZeroDB', 'malformed', message, { cause })
  }

  const verify = async (tenantId: string, { id, sha256 }: DocumentRef, rows: Rows) => {
    const row = rows.get(id)
    if (!row) return null
    try {
      const document = await decodeBody(id, row)
      if (document.sha256 !== sha256) throw new Error('has another SHA-256')
      cache.set(cacheKey(tenantId, id), document)
      return document
    } catch (error) {
      throw refuse(tenantId, id, error)
    }
  }

  const openLane = (tenantId: string): TenantLane =>
    createLane({
      maxQueries: maxQueriesPerTenant,
      maxKeys: keysPerQuery,
      maxWeight: maxQueryBytes,
      weightOf: ({ sizeBytes }) => sizeBytes,
      query: (refs, signal) => {
        const ids = refs.map(({ id }) => id)
        const maxAnswerBytes = largestAnswer(refs)
        return zerodb.getRowsByKey(tenantId, table, ids, { signal, maxAnswerBytes })
      },
      read: (ref, rows: Rows) => verify(tenantId, ref, rows),
      charge: (plan) => plan.zerodb++,
    })

  return {
    get(tenantId, ref, call = {}) {
      const cached = cache.get(cacheKey(tenantId, ref.id))
      if (cached?.sha256 === ref.sha256) {
        bodyCache.hits++
        if (call.plan) call.plan.cacheHits++
        return cached
      }
      bodyCache.misses++
      const lane = lanes.get(tenantId) ?? openLane(tenantId)
      lanes.set(tenantId, lane)
      return lane.load(`${ref.id}:${ref.sha256}`, ref, call)
    },
    put(tenantId, document) {
      cache.set(cacheKey(tenantId, document.id), document)
    },
    hasCached: (tenantId, id) => cache.has(cacheKey(tenantId, id)),
    heldBytes: () => cache.calculatedSize,
  }
}

/** JSON may escape what it carries, and ZeroDB may have a row more than once; beyond that it has gone mad. */
function largestAnswer(refs: readonly DocumentRef[]): number {
  return 1024 ** 2 + 8 * refs.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
}

function cacheKey(tenantId: string, id: string): string {
  return `${tenantId}:${id}`
}
