import type { Pool } from 'pg'
import { expect } from 'vitest'
import type { TestTenant } from './gateway.ts'
import type { Random } from './random.ts'

export type ContentState = 'absent' | 'live' | 'deleted'

/** A content as the answers so far say it is. */
export interface Known {
  ref: string
  /** As the API names it; empty while it is absent. */
  id: string
  state: ContentState
  /** Every write that succeeded made one. */
  version: number
  body: string
  /** The body of its first version. */
  firstBody: string
}

/** The contents of one workload. Each has one writer at a time: taken, written, given back. */
export class KnownContents {
  readonly #all: Known[] = []
  readonly #idle: Record<ContentState, Known[]> = { absent: [], live: [], deleted: [] }

  /** So many that nobody writes now, new ones if they are to be absent; none if there are too few. */
  take(state: ContentState, count: number, random: Random): Known[] {
    if (state === 'absent') return Array.from({ length: count }, () => this.#add())
    const idle = this.#idle[state]
    if (idle.length < count) return []
    return Array.from({ length: count }, () => removeAny(idle, random))
  }

  giveBack(contents: readonly Known[]): void {
    for (const content of contents) this.#idle[content.state].push(content)
  }

  /** As PostgreSQL must have them. */
  list(): StoredContent[] {
    return this.#all.map(({ ref, state, version, body }) => ({
      ref,
      deleted: state === 'deleted',
      version,
      versions: version,
      body,
    }))
  }

  #add(): Known {
    const content: Known = {
      ref: `${this.#all.length}`,
      id: '',
      state: 'absent',
      version: 0,
      body: '',
      firstBody: '',
    }
    this.#all.push(content)
    return content
  }
}

/** Any item, at a cost that does not grow with the list: the last one takes its place. */
function removeAny<T>(items: T[], random: Random): T {
  const index = random.below(items.length)
  const [item, last] = [items[index], items.pop()] as [T, T]
  if (index < items.length) items[index] = last
  return item
}

interface StoredContent {
  ref: string
  deleted: boolean
  version: number
  versions: number
  body: string
}

/** Fails unless PostgreSQL holds exactly these: nothing lost, nothing twice. */
export async function expectStored(
  contents: KnownContents,
  admin: Pool,
  tenant: TestTenant,
): Promise<void> {
  const expected = contents.list()
  const actual = await readContents(admin, tenant)
  const byRef = new Map(actual.map((row) => [row.ref, row]))
  expect(expected.map(({ ref }) => byRef.get(ref))).toEqual(expected)
  expect(actual).toHaveLength(expected.length)
}

async function readContents(admin: Pool, { id }: TestTenant): Promise<StoredContent[]> {
  const { rows } = await admin.query<StoredContent>(
    `select c.external_id as ref, c.deleted_at is not null as deleted, c.version, c.preview as body,
       (select count(*)::integer from content_versions v
        where v.tenant_id = c.tenant_id and v.content_id = c.id) as versions
     from content_items c where c.tenant_id = $1`,
    [id],
  )
  return rows
}
