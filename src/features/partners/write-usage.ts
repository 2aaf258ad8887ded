import type { Database } from '../../platform/postgres/database.ts'

/** What a key asked for on one day, by one operation. */
export interface Usage {
  apiKeyId: string
  /** In UTC, `2026-12-01`. */
  day: string
  /** Empty without a name. */
  operationName: string
  /** Empty without a trusted document. */
  documentId: string
  calls: number
  cost: number
  errors: number
  /** Calls in each step of the scale. */
  latencies: number[]
  /** In ISO 8601. */
  usedAt: string
}

/** Of one key on one day; the rest has one name. */
export const maxOperations = 1_000
/** No operation can be called so. */
export const otherOperations = '(other)'

const writeSql = `
  with given as (
    select * from jsonb_to_recordset(?::jsonb) as g ("apiKeyId" uuid, day date, "operationName" text,
      "documentId" text, calls bigint, cost bigint, errors bigint, latencies bigint[],
      "usedAt" timestamptz)
  ), used as (
    update api_keys k set last_used_at = greatest(k.last_used_at, g.used_at)
    from (select "apiKeyId" as id, max("usedAt") as used_at from given group by 1) g
    where k.tenant_id = ? and k.id = g.id
  ), placed as (
    select g.*, u.day is not null or row_number() over (
        partition by g."apiKeyId", g.day, u.day is null order by g.calls desc
      ) + (
        select count(*) from api_key_usage kept where kept.tenant_id = ?
          and kept.api_key_id = g."apiKeyId" and kept.day = g.day
          and kept.operation_name <> '${otherOperations}'
      ) <= ${maxOperations} as fits
    from given g left join api_key_usage u on u.tenant_id = ? and u.api_key_id = g."apiKeyId"
      and u.day = g.day and u.operation_name = g."operationName" and u.document_id = g."documentId"
  ), summed as (
    select "apiKeyId", day, case when fits then "operationName" else '${otherOperations}' end as name,
      case when fits then "documentId" else '' end as document, sum(calls) as calls,
      sum(cost) as cost, sum(errors) as errors, array_agg(latencies) as latencies
    from placed group by 1, 2, 3, 4
  )
  insert into api_key_usage as kept (tenant_id, api_key_id, day, operation_name, document_id, calls,
    cost, errors, latencies)
  select ?, "apiKeyId", day, name, document, calls, cost, errors, array(
    select sum(s.latencies[i][step]) from generate_subscripts(s.latencies, 1) i,
      generate_subscripts(s.latencies, 2) step group by step order by step
  ) from summed s
  on conflict (tenant_id, api_key_id, day, operation_name, document_id) do update set
    calls = kept.calls + excluded.calls, cost = kept.cost + excluded.cost,
    errors = kept.errors + excluded.errors, latencies = array(
      select a + b from unnest(kept.latencies, excluded.latencies) with ordinality
        as pair (a, b, step) order by step
    )`

/** Adds to what is counted already, and notes when each key was last used. */
export async function writeUsage(
  database: Database,
  tenantId: string,
  usages: readonly Usage[],
): Promise<void> {
  const ids = [...new Set(usages.map(({ apiKeyId }) => apiKeyId))]
  await database.transaction(tenantId, async (tx) => {
    // Instances come one by one, or each would count the rows without those of the others.
    await tx.execute(
      `select from api_keys where tenant_id = ? and id = any(?::uuid[]) order by id
       for no key update`,
      [tenantId, `{${ids.join(',')}}`],
    )
    const of = tenantId
    await tx.execute(writeSql, [JSON.stringify(usages), of, of, of, of])
  })
}
