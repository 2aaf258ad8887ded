import { expect } from 'vitest'
import { accountOf } from '../../../support/facts.ts'
import { batch, type JobFacts } from '../../../support/drafting.ts'
import type { GenerateContentBatchInput } from '../../../support/gql/graphql.ts'
import type { TestGateway, TestTenant } from '../../../support/gateway.ts'
import { expectIntact, expireLeases } from '../../../support/integrity.ts'

/** Model calls of one tenant at a time (E-153). */
export const callsAtOnce = 10

/**
 * Calls that are made again when a worker dies: those under way, and those whose texts were not stored
 * yet, which are about as many as long as storing takes no longer than writing.
 */
export const callsPerDeath = 2 * callsAtOnce

/** A request for `count` posts about the same: each costs as much as every other. */
export function aboutTea(count: number): GenerateContentBatchInput {
  const { params } = batch(count)
  return batch(count, { params: { ...params, topics: ['tea'] } })
}

/**
 * All jobs of a tenant, about tea, are over as if nothing had happened, whatever befell their workers:
 * each content was made, counted and paid for once, and what workers left behind is cleared away.
 */
export async function expectMadeOnce(
  gateway: TestGateway,
  tenant: TestTenant,
  jobs: readonly JobFacts[],
): Promise<void> {
  for (const { targetCount, ...job } of jobs) {
    expect(job).toMatchObject({ status: 'COMPLETED', progress: targetCount, failedCount: 0 })
  }
  const items = jobs.reduce((sum, { targetCount }) => sum + targetCount, 0)
  const made = await findMade(gateway, tenant)
  expect(made).toMatchObject({ contents: items, versions: items, generations: items })
  const { bytes, costs, jobsUsd, itemsUsd, generationsUsd } = made
  expect(costs).toBe(1)
  expect(Number(jobsUsd)).toBeGreaterThan(0)
  expect([itemsUsd, generationsUsd]).toEqual([jobsUsd, jobsUsd])
  await expireLeases(gateway)
  await gateway.sweep()
  const account = await accountOf(gateway, tenant)
  expect(account).toMatchObject({ items, used: bytes, reserved: 0 })
  await expectIntact(gateway)
}

interface Made {
  contents: number
  versions: number
  bytes: number
  generations: number
  /** Different costs of an item. */
  costs: number
  jobsUsd: string
  itemsUsd: string
  generationsUsd: string
}

async function findMade({ database }: TestGateway, { id }: TestTenant): Promise<Made> {
  const { rows } = await database.admin.query<Made>(
    `select c.*, v.*, g.*, i.*, j.* from
       (select count(*)::integer as contents, sum(storage_size_bytes)::integer as bytes
        from content_items where tenant_id = $1) c,
       (select count(*)::integer as versions from content_versions where tenant_id = $1) v,
       (select count(*)::integer as generations, sum(cost_usd)::text as "generationsUsd"
        from content_generations where tenant_id = $1) g,
       (select count(distinct cost_usd)::integer as costs, sum(cost_usd)::text as "itemsUsd"
        from generation_items where tenant_id = $1) i,
       (select sum(total_cost_usd)::text as "jobsUsd"
        from content_generation_jobs where tenant_id = $1) j`,
    [id],
  )
  return rows[0] as Made
}
