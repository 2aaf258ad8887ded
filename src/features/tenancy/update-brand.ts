import type { EntityManager } from '@mikro-orm/postgresql'
import {
  asStorageUnavailable,
  type FieldIssue,
  NotFoundError,
  ValidationError,
} from '../../lib/errors.ts'
import type { Origin, Viewer } from '../../lib/viewer.ts'
import type { Plan } from '../../platform/plan.ts'
import type { Database } from '../../platform/postgres/database.ts'
import { recordAudit } from './record-audit.ts'

interface UpdateDeps {
  database: Database
  tenantId: string
  viewer: Viewer
  origin: Origin
  plan: Plan
}

/** What generated texts keep to. */
interface Guidelines {
  /** Null when nobody has said. */
  voice: string | null
  forbiddenWords: string[]
}

export interface BrandChange {
  id: string
  /** As the caller sent it. */
  globalId: string
  /** What is absent stays as it is. */
  set: Partial<Guidelines>
}

const maxVoiceLength = 2_000
const maxWords = 100
const maxWordLength = 100

/**
 * Changes the guidelines of a brand; generation jobs read them when they run. Throws ValidationError,
 * NotFoundError, StorageUnavailableError.
 */
export async function updateBrand(deps: UpdateDeps, change: BrandChange): Promise<void> {
  const set = trim(change.set)
  const issues = [...issuesOf(set)]
  if (issues.length > 0) throw new ValidationError(issues)
  const { database, tenantId, plan } = deps
  await database
    .transaction(tenantId, (tx) => updateIn(tx, deps, { ...change, set }), plan)
    .catch(asStorageUnavailable)
}

/** An empty voice is none, and a word that is said twice is said once. */
function trim({ voice, forbiddenWords }: Partial<Guidelines>): Partial<Guidelines> {
  const words = forbiddenWords && new Set(forbiddenWords.map((word) => word.trim()))
  return {
    ...(voice !== undefined && { voice: voice?.trim() || null }),
    ...(words && { forbiddenWords: [...words] }),
  }
}

function* issuesOf({ voice, forbiddenWords = [] }: Partial<Guidelines>): Iterable<FieldIssue> {
  const at = (...path: string[]) => ['input', ...path]
  if (voice && voice.length > maxVoiceLength) {
    const message = `must have at most ${maxVoiceLength} characters, and has ${voice.length}`
    yield { path: at('voice'), code: 'TOO_BIG', message }
  }
  if (forbiddenWords.length > maxWords) {
    const message = `takes at most ${maxWords} words, and has ${forbiddenWords.length}`
    yield { path: at('forbiddenWords'), code: 'TOO_BIG', message }
    return
  }
  for (const [index, word] of forbiddenWords.entries()) {
    if (word.length > 0 && word.length <= maxWordLength) continue
    const message = `must have 1 to ${maxWordLength} characters, and has ${word.length}`
    yield { path: at('forbiddenWords', String(index)), code: 'LENGTH', message }
  }
}

async function updateIn(
  tx: EntityManager,
  { tenantId, viewer, origin }: UpdateDeps,
  { id, globalId, set }: BrandChange,
): Promise<void> {
  const brands = viewer.brandIds && `{${viewer.brandIds.join(',')}}`
  const [before] = await tx.execute<Guidelines[]>(
    `select voice, forbidden_words as "forbiddenWords" from brands
     where tenant_id = ? and id = ? and (?::uuid[] is null or id = any(?::uuid[])) for update`,
    [tenantId, id, brands, brands],
  )
  if (!before) throw new NotFoundError('Brand', { id: globalId, path: ['id'] })
  const after = { ...before, ...set }
  if (JSON.stringify(after) === JSON.stringify(before)) return
  await tx.execute(
    `update brands set voice = ?, forbidden_words = array(select jsonb_array_elements_text(?::jsonb))
     where tenant_id = ? and id = ?`,
    [after.voice, JSON.stringify(after.forbiddenWords), tenantId, id],
  )
  await recordAudit(tx, { tenantId, userId: viewer.userId, origin }, [
    { action: 'updateBrand', subject: { type: 'Brand', id }, before, after },
  ])
}
