import type { TestGateway, TestTenant } from './gateway.ts'

/** What a tenant's account says, in bytes and contents. */
export async function accountOf({ database }: TestGateway, { id }: TestTenant) {
  const { rows } = await database.admin.query<{
    used: number
    reserved: number
    items: number
    stored: number
  }>(
    `select total_storage_bytes::integer as used, reserved_bytes::integer as reserved,
       total_content_items::integer as items, stored_body_bytes::integer as stored
     from content_storage_usage where tenant_id = $1`,
    [id],
  )
  return rows[0]
}

/** What the recovery copy is to be told of a content, in order. */
export async function outboxOf({ database }: TestGateway, { id }: TestTenant): Promise<string[]> {
  const { rows } = await database.admin.query<{ operation: string }>(
    `select operation from backup_outbox where tenant_id = $1 order by id`,
    [id],
  )
  return rows.map(({ operation }) => operation)
}

/** What the audit says was done in a tenant, in order; `actor` is null for the gateway's own work. */
export async function auditOf({ database }: TestGateway, { id }: TestTenant) {
  const { rows } = await database.admin.query<{
    action: string
    actor: string | null
    requestId: string
  }>(
    `select action, actor_user_id as actor, request_id as "requestId"
     from audit_events where tenant_id = $1 order by id`,
    [id],
  )
  return rows
}

/** The tables into which rows were inserted since the calls were last cleared, sorted. */
export function insertsOf({ zerodb }: TestGateway): string[] {
  return zerodb.calls
    .filter(({ operation }) => operation === 'insert')
    .map(({ table }) => table ?? '')
    .toSorted()
}
