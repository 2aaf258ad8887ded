import type { EntityManager } from '@mikro-orm/postgresql'

/** For a tenant and a count, twice. */
export const advanceFeedSql = `
  insert into tenant_feeds as f (tenant_id, sequence) values (?, ?)
  on conflict (tenant_id) do update set sequence = f.sequence + excluded.sequence
  returning f.sequence - ? + 1 as first`

/**
 * Takes the next `count` numbers of a tenant's feed and answers the first. The row stays locked until
 * the transaction ends, so that numbers become visible in their order: who has read up to one of them
 * has missed nothing. Comes after contents and versions in the order of locks, before the quota.
 */
export async function advanceFeed(tx: EntityManager, tenantId: string, count = 1): Promise<number> {
  const [feed] = await tx.execute<{ first: string }[]>(advanceFeedSql, [tenantId, count, count])
  return Number(feed?.first)
}
