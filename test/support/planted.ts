import type { Content } from '../../src/features/content/content.entity.ts'
import { bodyTable, historyTable } from '../../src/features/content/documents.ts'
import { advanceContents } from '../../src/features/writing/advance-contents.ts'
import {
  type PlannedWrite,
  planWrite,
  type WriteCall,
} from '../../src/features/writing/plan-write.ts'
import { recordVersions } from '../../src/features/writing/record-versions.ts'
import { mapLimit } from '../../src/lib/map-limit.ts'
import type { Viewer } from '../../src/lib/viewer.ts'
import type { TestGateway, TestTenant } from './gateway.ts'

export interface Planting {
  contents: number
  /** Of each content, each with a body of its own; one when absent. */
  versions?: number
  /** `content` and `version` count from 0. */
  bodyOf?: (content: number, version: number) => string
  /** Contents in one transaction; 1,000 when absent. */
  batchSize?: number
  /** Awaited in each transaction when all is said, and nothing committed. */
  beforeCommit?: () => Promise<void>
}

const call: WriteCall = {
  operation: 'plant',
  idempotencyKey: null,
  inputHash: '',
  path: [],
  expectedVersion: null,
  onUnavailable: 'FAIL',
}

const insertsAtOnce = 16

/**
 * Contents as the write protocol leaves them, at a fraction of what it takes: no intents, keys or
 * audit. Everything waits for the copy afterwards. Answers the ids of the contents.
 */
export async function plantContents(
  gateway: Pick<TestGateway, 'services'>,
  { id: tenantId, users }: TestTenant,
  planting: Planting,
): Promise<string[]> {
  const { contents, versions = 1, batchSize = 1_000, beforeCommit } = planting
  const { bodyOf = (n, v) => `Body ${n}, version ${v}.` } = planting
  const userId = users.find(({ role }) => role === 'owner')?.id ?? null
  const access = { scopes: new Set<never>(), brandIds: null, apiKey: null }
  const viewer: Viewer = { tenantId, userId, ...access, readMode: 'auto' }
  const ids: string[] = []
  for (let start = 0; start < contents; start += batchSize) {
    let previous: (Content | null)[] = Array(Math.min(batchSize, contents - start)).fill(null)
    for (let version = 0; version < versions; version++) {
      const writes = await Promise.all(
        previous.map((before, n) => {
          const body = { format: 'text' as const, raw: bodyOf(start + n, version) }
          const type = before ? ('update' as const) : ('create' as const)
          const set = { title: `Planted ${start + n}` }
          return planWrite(viewer, call, { type, set, body }, before)
        }),
      )
      await store(gateway, tenantId, writes, beforeCommit)
      previous = writes.map(({ next }) => ({
        ...next,
        createdAt: new Date(),
        updatedAt: new Date(),
      }))
    }
    ids.push(...previous.map((content) => content?.id ?? ''))
  }
  return ids
}

async function store(
  { services: { database, zerodb } }: Pick<TestGateway, 'services'>,
  tenantId: string,
  writes: readonly PlannedWrite[],
  beforeCommit: Planting['beforeCommit'],
): Promise<void> {
  await mapLimit(writes, insertsAtOnce, async ({ body, history }) => {
    if (body) await zerodb.insertRow(tenantId, bodyTable, body.row)
    await zerodb.insertRow(tenantId, historyTable, history)
  })
  const sum = (valueOf: (write: PlannedWrite) => number) =>
    writes.reduce((total, write) => total + valueOf(write), 0)
  await database.transaction(tenantId, async (tx) => {
    const lost = await advanceContents(tx, tenantId, writes)
    if (lost.size > 0) throw new Error('Somebody else writes what is planted')
    await recordVersions(tx, tenantId, writes, {
      reserved: 0,
      growth: sum(({ growth }) => growth),
      items: sum(({ items }) => items),
      stored: sum(({ body }) => body?.document.sizeBytes ?? 0),
    })
    await beforeCommit?.()
  })
}
