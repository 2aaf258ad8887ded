import type { Finding, TenantDeps } from './finding.ts'

interface Usage {
  /** Null when the tenant has no account. */
  bytes: number | null
  items: number
  reservedBytes: number
  storedBytes: number
  liveBytes: number
  liveItems: number
  ledgerBytes: number
  ledgerItems: number
  pendingBytes: number
  keptBytes: number
}

/** One statement is one snapshot: however many writers are busy, the sums belong together. */
const usageSql = `
  select u.total_storage_bytes as bytes, u.total_content_items as items,
    u.reserved_bytes as "reservedBytes", u.stored_body_bytes as "storedBytes",
    live.bytes as "liveBytes", live.items as "liveItems", ledger.bytes as "ledgerBytes",
    ledger.items as "ledgerItems", pending.bytes as "pendingBytes", kept.bytes as "keptBytes"
  from (
    select coalesce(sum(storage_size_bytes), 0)::bigint as bytes, count(*) as items
    from content_items where tenant_id = $1 and deleted_at is null
  ) live cross join (
    select coalesce(sum(bytes), 0)::bigint as bytes, coalesce(sum(items), 0)::bigint as items
    from usage_ledger where tenant_id = $1
  ) ledger cross join (
    select coalesce(sum(reserved_bytes), 0)::bigint as bytes
    from content_write_intents where tenant_id = $1 and state = 'pending'
  ) pending cross join (
    select coalesce(sum(size_bytes), 0)::bigint as bytes from (
      select distinct on (document_id) size_bytes from content_versions
      where tenant_id = $1 and documents_removed_at is null order by document_id
    ) bodies
  ) kept left join content_storage_usage u on u.tenant_id = $1`

/** I2: what the counters say, what is there, and what was booked. */
export async function* checkUsage({ reads, tenantId }: TenantDeps): AsyncGenerator<Finding, void> {
  const [usage] = await reads.rows<Usage>(usageSql, [tenantId])
  if (!usage) return
  for (const [counter, message] of complaints(usage)) {
    yield { invariant: 'I2', tenantId, subject: { counter }, message, repair: 'usage' }
  }
}

function* complaints(usage: Usage): Iterable<[counter: string, message: string]> {
  const { bytes, items, reservedBytes, pendingBytes, storedBytes, keptBytes } = usage
  const { liveBytes, liveItems, ledgerBytes, ledgerItems } = usage
  if (bytes === null) return yield ['all', 'the tenant has no usage account']
  if (bytes !== liveBytes || bytes !== ledgerBytes) {
    const found = `live contents have ${liveBytes}, the ledger ${ledgerBytes}`
    yield ['total_storage_bytes', `says ${bytes}; ${found}`]
  }
  if (items !== liveItems || items !== ledgerItems) {
    const found = `live contents are ${liveItems}, by the ledger ${ledgerItems}`
    yield ['total_content_items', `says ${items}; ${found}`]
  }
  if (reservedBytes !== pendingBytes) {
    yield ['reserved_bytes', `says ${reservedBytes}; pending writes have reserved ${pendingBytes}`]
  }
  if (storedBytes !== keptBytes) {
    yield ['stored_body_bytes', `says ${storedBytes}; versions keep bodies of ${keptBytes}`]
  }
}
