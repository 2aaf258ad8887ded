import type { BigQuery } from '../../platform/bigquery.ts'
import type { Database } from '../../platform/postgres/database.ts'
import type { TenantReads } from '../../platform/postgres/reads.ts'
import { within } from '../../lib/within.ts'
import type { StoreHealth, StoreReport } from '../../platform/store-health.ts'
import { UpstreamError } from '../../lib/errors.ts'
import { findRelayStatus } from '../backup/backup-status.ts'

export interface CheckStoresDeps {
  health: StoreHealth
  bigquery: BigQuery | null
  database: Pick<Database, 'reads'>
  reads: TenantReads
}

/** What waits longer than this to be copied is more than may be lost (E-189). */
const maxLagMs = 15 * 60_000

/** A silent PostgreSQL is what a look finds out; what is asked of it besides must not wait longer. */
export const askMs = 800

/** The stores as this instance sees them, and whether BigQuery's copy keeps up; within two seconds. */
export async function checkStores(deps: CheckStoresDeps): Promise<StoreReport[]> {
  const lag = await within(askMs, findLag(deps))
  // Only then: what has become of PostgreSQL meanwhile belongs in the answer.
  const reports = await deps.health.look()
  return reports.map((report) => {
    const isWell = report.state === 'healthy' || report.state === 'mock'
    if (report.store !== 'bigquery' || !isWell || !lag) return report
    return { ...report, state: 'degraded', ...lag }
  })
}

type Lag = Pick<StoreReport, 'since' | 'message'>

/** Null while the copy keeps up, and while nobody can tell: without PostgreSQL there is worse to see to. */
async function findLag({ bigquery, database, reads }: CheckStoresDeps): Promise<Lag | null> {
  if (!bigquery) return null
  try {
    const [{ failingSince }, [oldest]] = await Promise.all([
      findRelayStatus(database),
      reads.rows<{ at: Date | null }>(
        `select min(created_at) as at from backup_outbox
         where tenant_id = $1 and backed_up_at is null`,
        [reads.tenantId],
      ),
    ])
    if (failingSince) {
      const message =
        'Copying fails; see backupStatus.lastError. Nothing is lost: it goes on later.'
      return { since: failingSince, message }
    }
    const lateAt = (oldest?.at?.getTime() ?? Number.POSITIVE_INFINITY) + maxLagMs
    if (lateAt > Date.now()) return null
    const message =
      'Something has waited for more than 15 minutes to be copied: see that a worker runs, and backupStatus.'
    return { since: new Date(lateAt), message }
  } catch (error) {
    if (error instanceof UpstreamError) return null
    throw error
  }
}
