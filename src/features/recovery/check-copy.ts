import type { BigQuery } from '../../platform/bigquery.ts'
import { daysOf } from '../../platform/bigquery/days.ts'
import { findTenantDays } from '../tenancy/find-tenant-days.ts'
import { checkGivenUp } from './check-given-up.ts'
import { countedCopies, remainsOfPurged } from './copy-queries.ts'
import { beforeAllIds } from './each-page.ts'
import type { Finding, TenantDeps } from './finding.ts'

/** Ids in one query: what it reads is billed by the day, not by the id. */
const idsPerQuery = 2_000
const queryMs = 60_000

type CopyDeps = TenantDeps & { bigquery: BigQuery }

/** I9: the copy has what PostgreSQL notes as copied, once and unchanged, and nothing that was purged. */
export async function* checkCopy(deps: TenantDeps): AsyncGenerator<Finding, void> {
  const { bigquery } = deps
  if (!bigquery) return
  yield* checkGivenUp(deps)
  yield* checkCopies({ ...deps, bigquery })
  yield* checkPurged({ ...deps, bigquery })
}

interface Copied {
  id: string
  contentId: string
  versionNumber: number
  sha256: string
  createdAt: Date
  /** What expired before it could be copied is owed nothing. */
  isExpired: boolean
}

const copiedSql = (which: string) => `
  select v.id, v.content_id as "contentId", v.version_number as "versionNumber", v.sha256,
    v.created_at as "createdAt", v.expired_at is not null as "isExpired"
  from content_versions v
    join backup_outbox o on o.tenant_id = v.tenant_id and o.content_id = v.content_id
      and o.version_number = v.version_number and o.operation <> 'purge'
  where v.tenant_id = $1 and o.backed_up_at is not null and ${which}`

const nextCopiedSql = copiedSql('v.id > $2 order by v.id limit $3')
const theseCopiedSql = copiedSql('v.id = any($2::uuid[])')

async function* checkCopies(deps: CopyDeps): AsyncGenerator<Finding, void> {
  const { reads, tenantId, checked } = deps
  for (let last = beforeAllIds; ;) {
    const page = await reads.rows<Copied>(nextCopiedSql, [tenantId, last, idsPerQuery])
    const doubts = await complain(deps, page)
    checked.copies += page.length
    if (doubts.size > 0) yield* confirm(deps, doubts)
    if (page.length < idsPerQuery) return
    last = page.at(-1)?.id ?? last
  }
}

type Complaint = Pick<Finding, 'message' | 'repair'>

async function complain(
  { bigquery, tenantId, signal }: CopyDeps,
  versions: readonly Copied[],
): Promise<Map<string, Complaint>> {
  if (versions.length === 0) return new Map()
  const { rows } = await bigquery.query(
    countedCopies,
    { tenantId, ...daysOf(versions.map(({ createdAt }) => createdAt)) },
    { versions: versions.map(({ id }) => id) },
    { signal, timeoutMs: queryMs },
  )
  const found = new Map(rows.map((row) => [row.versionId, row]))
  const doubts = versions.flatMap((version): [string, Complaint][] => {
    const complaint = complaintAbout(version, found.get(version.id))
    return complaint ? [[version.id, complaint]] : []
  })
  return new Map(doubts)
}

const missing = { message: 'is noted as copied, and the copy lacks it', repair: 'copy' } as const

function complaintAbout(
  { sha256, isExpired }: Copied,
  copy:
    | { copies: number; unsigned: number; least: string | null; greatest: string | null }
    | undefined,
): Complaint | undefined {
  if (!copy) return isExpired ? undefined : missing
  const { copies, unsigned, least, greatest } = copy
  if (unsigned > 0 || least !== sha256 || greatest !== sha256) {
    const others = [least, greatest].filter((other) => other !== sha256)
    return { message: `has the SHA-256 ${others[0] ?? 'null'} in the copy` }
  }
  return copies > 1 ? { message: `is in the copy ${copies} times` } : undefined
}

/** A version that is there after the copy was asked was there before: no purge has taken its rows. */
async function* confirm(
  { reads, tenantId }: CopyDeps,
  doubts: ReadonlyMap<string, Complaint>,
): AsyncGenerator<Finding, void> {
  const versions = await reads.rows<Copied>(theseCopiedSql, [tenantId, [...doubts.keys()]])
  for (const { id, contentId, versionNumber } of versions) {
    const complaint = doubts.get(id)
    if (!complaint) continue
    const subject = { contentId, versionNumber, versionId: id }
    yield { invariant: 'I9', tenantId, subject, ...complaint }
  }
}

const purgedSql = `
  select distinct o.content_id as "contentId" from backup_outbox o
  where o.tenant_id = $1 and o.operation = 'purge' and o.backed_up_at is not null
    and o.content_id > $2
  order by o.content_id limit $3`

async function* checkPurged(deps: CopyDeps): AsyncGenerator<Finding, void> {
  const { bigquery, reads, tenantId, signal } = deps
  const days = await findTenantDays(reads)
  for (let last = beforeAllIds; ;) {
    const page = await reads.rows<{ contentId: string }>(purgedSql, [tenantId, last, idsPerQuery])
    if (page.length === 0) return
    const contents = page.map(({ contentId }) => contentId)
    const { rows } = await bigquery.query(
      remainsOfPurged,
      { tenantId, ...days },
      { contents },
      { signal, timeoutMs: queryMs },
    )
    const found = new Map(rows.map((row) => [row.contentId, row]))
    for (const contentId of contents) {
      const message = complaintAboutPurge(found.get(contentId))
      if (!message) continue
      yield { invariant: 'I9', tenantId, subject: { contentId }, message, repair: 'copy' }
    }
    last = contents.at(-1) ?? last
  }
}

function complaintAboutPurge(
  found: { purges: number; remains: number } | undefined,
): string | undefined {
  if (!found || found.purges === 0) return 'was purged, and the copy does not know'
  return found.remains > 0 ? 'was purged, and is still in the copy' : undefined
}
