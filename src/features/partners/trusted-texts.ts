import { LRUCache } from 'lru-cache'
import type { Log } from '../../platform/log.ts'
import type { Plan } from '../../platform/plan.ts'
import type { Database } from '../../platform/postgres/database.ts'
import { loadByDocumentId } from './trusted-document.loaders.ts'

/** The texts of trusted documents, as requests by id need them. */
export interface TrustedTexts {
  /** Null for an id that nobody of the tenant has registered. Throws UpstreamError. */
  find(tenantId: string, documentId: string, plan?: Plan): Promise<string | null>
}

/** Characters of text that are kept in memory. */
const maxKept = 8 * 1024 ** 2
/** That somebody asks for a document is noted once in so long. */
const noteEveryMs = 3_600_000

interface Kept {
  body: string
  notedAt: number
}

/** Texts never change under their id, so one that was read once is kept; what is not there is asked again. */
export function createTrustedTexts({
  database,
  log,
}: {
  database: Database
  log: Log
}): TrustedTexts {
  const kept = new LRUCache<string, Kept>({
    maxSize: maxKept,
    sizeCalculation: ({ body }, key) => body.length + key.length,
  })

  const note = (tenantId: string, documentId: string, entry: Kept) => {
    if (Date.now() - entry.notedAt < noteEveryMs) return
    entry.notedAt = Date.now()
    // Nobody waits for it: what is lost is a note.
    noteUse(database, tenantId, documentId).catch((error: unknown) => {
      entry.notedAt = 0
      log.warn({ err: error }, 'the use of a trusted document was not noted')
    })
  }

  return {
    async find(tenantId, documentId, plan) {
      const key = `${tenantId}:${documentId}`
      let entry = kept.get(key)
      if (!entry) {
        const reads = database.reads.forTenant(tenantId, plan)
        const [found] = await loadByDocumentId({ reads, tenantId }, [documentId])
        if (!found) return null
        entry = { body: found.body, notedAt: found.lastUsedAt?.getTime() ?? 0 }
        kept.set(key, entry)
      }
      note(tenantId, documentId, entry)
      return entry.body
    },
  }
}

async function noteUse(database: Database, tenantId: string, documentId: string): Promise<void> {
  await database.transaction(tenantId, (tx) =>
    tx.execute(
      `update trusted_documents set last_used_at = now() where tenant_id = ? and document_id = ?`,
      [tenantId, documentId],
    ),
  )
}
