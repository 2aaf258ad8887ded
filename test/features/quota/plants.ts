import type { TestGateway, TestTenant } from '../../support/gateway.ts'

/** Sets counters of a tenant's account by hand; what is left out stays. */
export async function plantUsage(
  { database }: TestGateway,
  { id }: TestTenant,
  counters: Partial<Record<Counter, number>>,
): Promise<void> {
  for (const [counter, value] of Object.entries(counters)) {
    await database.admin.query(
      `update content_storage_usage set ${counter} = $2 where tenant_id = $1`,
      [id, value],
    )
  }
}

type Counter =
  | 'total_content_items'
  | 'total_storage_bytes'
  | 'total_media_files'
  | 'total_media_storage_bytes'
  | 'reserved_bytes'
  | 'stored_body_bytes'

/** Books a write of some days ago in the ledger. */
export async function plantWrite(
  { database }: TestGateway,
  { id }: TestTenant,
  write: { bytes: number; items: number; at: string },
): Promise<void> {
  await database.admin.query(
    `insert into usage_ledger (tenant_id, operation_id, content_id, bytes, items, created_at)
     values ($1, gen_random_uuid(), gen_random_uuid(), $2, $3, $4)`,
    [id, write.bytes, write.items, write.at],
  )
}

/** Alerts of a tenant, the oldest first. */
export async function alertsOf({ database }: TestGateway, { id }: TestTenant) {
  const { rows } = await database.admin.query<{
    kind: string
    threshold: string
    value: string
    resolved: boolean
  }>(
    `select kind, threshold, value, resolved_at is not null as resolved
     from alerts where tenant_id = $1 order by id`,
    [id],
  )
  return rows
}
