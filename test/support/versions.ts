import type { TestGateway, TestTenant } from './gateway.ts'
import { draft, upsertOne } from './writes.ts'

export interface TestContent {
  /** Global and database id. */
  id: string
  databaseId: string
}

const ref = (id: string) => ({ externalRef: { system: 'versions', id } })

/** A content that had each of the bodies in turn; where one repeats its predecessor, the title changes. */
export async function createVersions(
  gateway: TestGateway,
  tenant: TestTenant,
  name: string,
  bodies: readonly string[],
): Promise<TestContent> {
  let content: TestContent | undefined
  for (const [index, raw] of bodies.entries()) {
    const title = raw === bodies[index - 1] ? `${name} ${index + 1}` : name
    const answer = await upsertOne(
      gateway,
      tenant,
      ref(name),
      draft({ title, body: { format: 'TEXT', raw } }),
    )
    if (answer.__typename !== 'ContentSuccess') throw new Error(JSON.stringify(answer))
    content = answer.content
  }
  if (!content) throw new Error('no bodies')
  return content
}

/** As if everything of a content had happened so many days earlier. */
export async function age(
  { database }: TestGateway,
  { databaseId }: TestContent,
  days: number,
): Promise<void> {
  await database.admin.query(
    `update content_versions set created_at = created_at - make_interval(days => $2)
     where content_id = $1`,
    [databaseId, days],
  )
}

export interface VersionState {
  number: number
  expired: boolean
  removed: boolean
  /** Whether ZeroDB has its body, and its history entry. */
  body: boolean
  history: boolean
}

/** What is left of each version of a content, oldest first. */
export async function statesOf(
  { database, services: { zerodb } }: TestGateway,
  tenant: TestTenant,
  { databaseId }: TestContent,
): Promise<VersionState[]> {
  const { rows } = await database.admin.query<{
    id: string
    documentId: string
    number: number
    expired: boolean
    removed: boolean
  }>(
    `select id, document_id as "documentId", version_number as number,
       expired_at is not null as expired, documents_removed_at is not null as removed
     from content_versions where content_id = $1 order by version_number`,
    [databaseId],
  )
  const [bodies, entries] = await Promise.all([
    zerodb.getRowsByKey(
      tenant.id,
      'content_items',
      rows.map(({ documentId }) => documentId),
    ),
    zerodb.getRowsByKey(
      tenant.id,
      'content_versions',
      rows.map(({ id }) => id),
    ),
  ])
  return rows.map(({ id, documentId, number, expired, removed }) => {
    const documents = { body: bodies.has(documentId), history: entries.has(id) }
    return { number, expired, removed, ...documents }
  })
}

/** What the account says is stored of bodies. */
export async function storedBytes({ database }: TestGateway, { id }: TestTenant): Promise<number> {
  const { rows } = await database.admin.query<{ bytes: number }>(
    `select stored_body_bytes::integer as bytes from content_storage_usage where tenant_id = $1`,
    [id],
  )
  return rows[0]?.bytes ?? Number.NaN
}
