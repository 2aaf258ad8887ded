import type { Finding, TenantDeps } from './finding.ts'

interface Usage {
  /** Null when the tenant has no account. */
  bytes: number | null
  items: number
  reservedBytes: number
  liveBytes: number
  liveItems: number
  ledgerBytes: number
  ledgerItems: number
  pendingBytes: number
}

/** One statement is one snapshot: however many writers are busy, the sums belong together. */
const usageSql = `
  select u.total_storage_bytes as bytes, u.total_content_items as items,
    u.reserved_bytes as "reservedBytes", live.bytes as "liveBytes", live.items as "liveItems",
    ledger.bytes as "ledgerBytes", ledger.items as "ledgerItems", pending.bytes as "pendingBytes"
  from (
    select coalesce(sum(storage_size_bytes), 0)::bigint as bytes, count(*) as items
    from content_items where tenant_id = $1 and deleted_at is null
  ) live cross join (
    select coalesce(sum(bytes), 0)::bigint as bytes, coalesce(sum(items), 0)::bigint as items
    from usage_ledger where tenant_id = $1
  ) ledger cross join (
    select coalesce(sum(reserved_bytes), 0)::bigint as bytes
    from content_write_intents where tenant_id = $1 and state = 'pending'
  ) pending left join content_storage_usage u on u.tenant_id = $1`

/** I2: what the counters say, what is there, and what was booked. */
export async function* checkUsage({ reads, tenantId }: TenantDeps): AsyncGenerator<Finding, void> {
  const [usage] = await reads.rows<Usage>(usageSql, [tenantId])
  if (usage) {
    for (const message of complaints(usage)) {
      yield { invariant: 'I2', tenantId, subject: {}, message }
    }
  }
}

function* complaints(usage: Usage): Iterable<string> {
  const { bytes, items, reservedBytes, pendingBytes } = usage
  const { liveBytes, liveItems, ledgerBytes, ledgerItems } = usage
  if (bytes === null) return yield 'the tenant has no usage account'
  if (bytes !== liveBytes || bytes !== ledgerBytes) {
    yield `total_storage_bytes is ${bytes}; live contents have ${liveBytes}, the ledger ${ledgerBytes}`
  }
  if (items !== liveItems || items !== ledgerItems) {
    yield `total_content_items is ${items}; live contents are ${liveItems}, by the ledger ${ledgerItems}`
  }
  if (reservedBytes !== pendingBytes) {
    yield `reserved_bytes is ${reservedBytes}; pending writes have reserved ${pendingBytes}`
  }
}
