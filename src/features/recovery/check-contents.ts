import type { ChangeType } from '../content/content-version.entity.ts'
import { beforeAllIds, eachPage, pageSize } from './each-page.ts'
import type { Finding, TenantDeps } from './finding.ts'

interface ContentState {
  id: string
  version: number
  /** How many versions it has, and the highest number among them. */
  versions: number
  latest: number
  /** Columns that should be those of the current version, and are not. */
  drifted: string[]
  isDeleted: boolean
  /** Of the version it stands at; null when that is not there. */
  changeType: ChangeType | null
}

const contentsSql = `
  select c.id, c.version, chain.versions, chain.latest, array_remove(array[
      case when c.zerodb_id <> v.document_id then 'zerodb_id' end,
      case when c.sha256 <> v.sha256 then 'sha256' end,
      case when c.storage_size_bytes <> v.size_bytes then 'storage_size_bytes' end
    ], null) as drifted, c.deleted_at is not null as "isDeleted", v.change_type as "changeType"
  from (
    select tenant_id, id, version, zerodb_id, sha256, storage_size_bytes, deleted_at
    from content_items where tenant_id = $1 and id > $2 order by id limit $3
  ) c cross join lateral (
    select count(*) as versions, coalesce(max(version_number), 0) as latest
    from content_versions where tenant_id = c.tenant_id and content_id = c.id
  ) chain left join content_versions v
    on v.tenant_id = c.tenant_id and v.content_id = c.id and v.version_number = c.version
  order by c.id`

/** I1, the half that PostgreSQL knows: versions are 1 … n without a gap, and the content is the last. */
export async function* checkContents(deps: TenantDeps): AsyncGenerator<Finding, void> {
  const { reads, tenantId, checked } = deps
  const pages = eachPage<ContentState>((last) =>
    reads.rows(contentsSql, [tenantId, last?.id ?? beforeAllIds, pageSize]),
  )
  for await (const page of pages) {
    checked.contents += page.length
    for (const content of page) {
      for (const message of complaints(content)) {
        yield { invariant: 'I1', tenantId, subject: { contentId: content.id }, message }
      }
    }
  }
}

/** Version numbers are positive and unique: when the count is the highest number, none is missing. */
function* complaints(content: ContentState): Iterable<string> {
  const { version, versions, latest, drifted, isDeleted, changeType } = content
  if (versions !== latest) yield `has ${versions} versions, numbered up to ${latest}`
  else if (version !== latest) yield `is at version ${version}, its last one is ${latest}`
  if (drifted.length > 0) yield `${drifted.join(', ')} differ from those of version ${version}`
  if (changeType !== null && isDeleted !== (changeType === 'delete')) {
    yield `is ${isDeleted ? '' : 'not '}deleted, but version ${version} is its ${changeType}`
  }
}
