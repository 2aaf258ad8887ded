import { bodyTable, historyTable } from '../../src/features/content/documents.ts'
import type { RestoreReport } from '../../src/features/restoring/restore-report.ts'
import { runRestoreJob } from '../../src/features/restoring/run-restore-job.ts'
import { mapLimit } from '../../src/lib/map-limit.ts'
import { newId } from '../../src/lib/id.ts'
import { decodeGlobalId, encodeGlobalId } from '../../src/graphql/global-id.ts'
import type { RowData, ZeroDb } from '../../src/platform/zerodb.ts'
import type { TestGateway, TestTenant } from './gateway.ts'
import { graphql } from './gql/gql.ts'
import type { RestoreFromBackupInput } from './gql/graphql.ts'
import { createVersions, type TestContent } from './versions.ts'

const restoreDocument = graphql(`
  mutation RestoreFromBackupForTest($input: RestoreFromBackupInput!) {
    restoreFromBackup(input: $input) {
      __typename
      ... on RestoreSuccess {
        job {
          id
        }
      }
      ... on Error {
        code
        message
        path
      }
    }
  }
`)

const jobDocument = graphql(`
  query RestoreJobForTest($id: ID!) {
    node(id: $id) {
      __typename
      ... on RestoreJob {
        status
        progress
        targetCount
        progressPercent
        estimatedCompletionAt
        errorMessage
        target
        dryRun
        restored
        skipped
        mismatched
        report
        createdBy {
          id
        }
      }
    }
  }
`)

/** Asks for a restore to now, of everything, unless `input` says otherwise. */
export async function askForRestore(
  gateway: TestGateway,
  tenant: TestTenant | string,
  input: Partial<RestoreFromBackupInput> = {},
) {
  const { data, errors } = await gateway.query(tenant, restoreDocument, {
    input: { asOf: new Date().toISOString(), target: 'ZERODB', ...input },
  })
  if (!data) throw new Error(JSON.stringify(errors))
  return data.restoreFromBackup
}

/** A restore that is over, and says so with the name in it. */
export async function plantRestore(
  { database }: TestGateway,
  { id: tenantId, users }: TestTenant,
  name: string,
): Promise<string> {
  const id = newId()
  await database.admin.query(
    `insert into restore_jobs (tenant_id, id, user_id, as_of, target, status, error_message,
       completed_at)
     values ($1, $2, $3, now(), 'zerodb', 'failed', $4, now())`,
    [tenantId, id, users[0]?.id, `${name} failed.`],
  )
  return encodeGlobalId('RestoreJob', id)
}

/** How a restore stands, as the API shows it. */
export async function findRestore(gateway: TestGateway, tenant: TestTenant, id: string) {
  const { data, errors } = await gateway.query(tenant, jobDocument, { id })
  const job = data?.node
  if (job?.__typename !== 'RestoreJob') throw new Error(JSON.stringify(errors))
  return { ...job, report: job.report as RestoreReport | null }
}

/** So many contents of three versions, of which the last two share a body. */
export function createThreeVersions(
  gateway: TestGateway,
  tenant: TestTenant,
  count: number,
): Promise<TestContent[]> {
  const numbers = Array.from({ length: count }, (_, n) => n)
  return mapLimit(numbers, 8, (n) => {
    const long = `Body ${n}. `.repeat(n % 10 === 0 ? 2_000 : 5)
    return createVersions(gateway, tenant, `content ${n}`, [`First ${n}`, long, long])
  })
}

type RunDeps = Parameters<typeof runRestoreJob>[0]

/** A restore from asking for it to its end, by a worker in this process. */
export async function restore(
  gateway: TestGateway,
  tenant: TestTenant,
  input: Partial<RestoreFromBackupInput> = {},
  deps: Partial<RunDeps> = {},
) {
  const asked = await askForRestore(gateway, tenant, input)
  if (asked.__typename !== 'RestoreSuccess') throw new Error(JSON.stringify(asked))
  const { id } = asked.job
  await work(gateway, tenant, id, deps)
  return { id, ...(await findRestore(gateway, tenant, id)) }
}

/** What a worker does when it hears the bell. */
export async function work(
  gateway: TestGateway,
  tenant: TestTenant,
  id: string,
  deps: Partial<RunDeps> = {},
): Promise<void> {
  const signal = AbortSignal.timeout(300_000)
  const services = { ...gateway.services, signal, patienceMs: 1_000, ...deps }
  await runRestoreJob(services, { tenantId: tenant.id, jobId: decodeGlobalId(id).id })
}

export type Documents = Map<string, RowData>

/** Everything of a tenant that a project of ZeroDB holds, without when it was written there. */
export async function documentsIn(zerodb: ZeroDb, { id }: TestTenant): Promise<Documents> {
  const documents: Documents = new Map()
  for (const table of [bodyTable, historyTable]) {
    for await (const row of zerodb.eachRow(id, table)) {
      const { created_at: _, updated_at: __, ...rest } = row
      const name = `${table} ${String(row['id'])}`
      if (documents.has(name)) throw new Error(`Twice in ZeroDB: ${name}`)
      documents.set(name, rest)
    }
  }
  return documents
}

/** As if ZeroDB had lost everything of a tenant, or only what `matches`. */
export async function wipe(
  { services: { zerodb } }: TestGateway,
  tenant: TestTenant,
  matches: (row: RowData) => boolean = () => true,
): Promise<void> {
  for (const table of [bodyTable, historyTable]) {
    const rows = await Array.fromAsync(zerodb.eachRow(tenant.id, table))
    const ids = rows.filter(matches).map(({ id }) => String(id))
    await zerodb.deleteRowsByKey(tenant.id, table, ids)
  }
}

/** What the account says, to the byte. */
export async function usageOf({ database }: TestGateway, { id }: TestTenant): Promise<object> {
  const { rows } = await database.admin.query<{ usage: object }>(
    `select to_jsonb(u) - 'updated_at' || jsonb_build_object('ledger', (
       select count(*) || ' ' || coalesce(sum(bytes), 0) from usage_ledger where tenant_id = $1
     )) as usage from content_storage_usage u where tenant_id = $1`,
    [id],
  )
  return rows[0]?.usage ?? {}
}
