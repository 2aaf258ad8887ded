import { expect, test } from 'vitest'
import { bytesPerGb } from '../../../src/lib/bytes.ts'
import { awaitJob, batch, findJob, retryJob, startJob, workOn } from '../../support/drafting.ts'
import { accountOf } from '../../support/facts.ts'
import { startGateway, type TestGateway, type TestTenant } from '../../support/gateway.ts'
import { countedThisMonth, statesOf } from '../../support/generation.ts'
import { expectIntact } from '../../support/integrity.ts'
import { plantUsage } from '../quota/plants.ts'

/** Notes each state of an account that any transaction leaves behind. */
async function watchAccounts({ database: { admin } }: TestGateway): Promise<void> {
  await admin.query(`
    create table seen_accounts (tenant_id uuid, used bigint, reserved bigint);
    create function note_account() returns trigger language plpgsql security definer as $$
      begin
        insert into public.seen_accounts
          values (new.tenant_id, new.total_storage_bytes, new.reserved_bytes);
        return null;
      end $$;
    create trigger note_account after update on content_storage_usage
      for each row execute function note_account()`)
}

/** The most that was used and reserved at any time, and how often it changed. */
async function mostSeen({ database: { admin } }: TestGateway, { id }: TestTenant) {
  const { rows } = await admin.query<{ most: number; changes: number }>(
    `select max(used + reserved)::integer as most, count(*)::integer as changes
     from seen_accounts where tenant_id = $1`,
    [id],
  )
  return rows[0] ?? { most: 0, changes: 0 }
}

/** Smaller than any text, so that nothing fits when the others have come. */
const smallestText = 300
/** Room for about a tenth of what the job makes of it. */
const room = 5_000

test('a job whose items are larger than the quota has room for stops at the limit', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant({ planTier: 'free' })
  const { id, databaseId } = await startJob(gateway, tenant, batch(80))
  // As if the estimate had been a tenth: what it found room for is not there when the job runs.
  const planted = bytesPerGb - room
  await plantUsage(gateway, tenant, { total_storage_bytes: planted })
  await watchAccounts(gateway)

  // By itself: the rest of a worker would soon put the account right.
  await workOn(gateway, { tenantId: tenant.id, jobId: databaseId })
  const job = await findJob(gateway, tenant, id)

  expect(job).toMatchObject({ status: 'FAILED', errorCode: 'QUOTA_EXCEEDED' })
  expect(job.progress).toBeGreaterThan(0)
  expect(job.failedCount).toBeGreaterThan(0)
  expect(job.failedCount).toBeLessThanOrEqual(20)
  expect(job.skippedCount).toBe(80 - job.progress - job.failedCount)
  const failed = job.items.nodes.filter(({ status }) => status === 'FAILED')
  expect(failed.map(({ errorCode }) => errorCode)).toEqual(
    Array(job.failedCount).fill('QUOTA_EXCEEDED'),
  )
  const { progress, failedCount: failedItems, skippedCount: skipped } = job
  expect(await statesOf(gateway, id)).toEqual({ stored: progress, failed: failedItems, skipped })
  const account = await accountOf(gateway, tenant)
  expect(account).toMatchObject({ items: progress, reserved: 0 })
  expect((account?.used ?? 0) - planted).toBe(Number(job.totalStorageBytes))
  const { most, changes } = await mostSeen(gateway, tenant)
  expect(changes).toBeGreaterThan(1)
  expect(most).toBeLessThanOrEqual(bytesPerGb)
  expect(bytesPerGb - (account?.used ?? 0)).toBeLessThan(room - progress * smallestText)
  expect(await countedThisMonth(gateway, tenant)).toBe(progress)

  await plantUsage(gateway, tenant, { total_storage_bytes: (account?.used ?? 0) - planted })
  await expectIntact(gateway)
  await using _worker = await gateway.startWorker()
  await retryJob(gateway, tenant, id)
  expect(await awaitJob(gateway, tenant, id)).toMatchObject({ status: 'COMPLETED', progress: 80 })
  expect(await countedThisMonth(gateway, tenant)).toBe(80)
  await expectIntact(gateway)
})
