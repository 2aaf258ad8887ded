import { encodeGlobalId } from '../../src/graphql/global-id.ts'
import { newId } from '../../src/lib/id.ts'
import type { TestGateway, TestTenant } from './gateway.ts'

/** An alert of a tenant that fires; `value` can be told again in answers. Answers its id. */
export async function plantAlert(
  { database }: TestGateway,
  { id: tenantId }: TestTenant,
  value: string,
): Promise<string> {
  const id = newId()
  await database.admin.query(
    `insert into alerts (tenant_id, id, kind, threshold, value) values ($1, $2, 'USAGE_DRIFT', '', $3)`,
    [tenantId, id, value],
  )
  return encodeGlobalId('Alert', id)
}

/** A minute of ZeroDB as some instance might have noted it, so many minutes ago. */
export async function plantMinute(
  { database }: Pick<TestGateway, 'database'>,
  minute: { ago: number; requests: number; failures?: number; slow?: number; p95Ms?: number },
): Promise<void> {
  const { ago, requests, failures = 0, slow = 0, p95Ms = 20 } = minute
  await database.admin.query(
    `insert into stores.zerodb_minutes
     values (date_trunc('minute', now()) - make_interval(mins => $1), gen_random_uuid(), $2, $3, $4,
       $5 / 2, $5, $5 * 2)`,
    [ago, requests, failures, slow, p95Ms],
  )
}
