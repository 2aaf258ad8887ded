import { setTimeout as delay } from 'node:timers/promises'
import { ask, type Endpoint } from './pages.ts'

const patienceMs = 300_000
const lookEveryMs = 500

interface SyncAnswer {
  data?: { sync: { backup?: { unsyncedCount: number }; message: string } } | null
}

const runBackupSync = `mutation Sync {
  sync: runBackupSync {
    ... on OpsSuccess { backup { unsyncedCount } message }
    ... on Error { message }
  }
}`
const backupStatus = `query Status { backupStatus { unsyncedCount } }`

/** Resolves when all that was written is in BigQuery; a worker must be running. */
export async function copyEverything(endpoint: Endpoint, signal: AbortSignal): Promise<void> {
  const asked = JSON.parse(
    await ask(endpoint, JSON.stringify({ query: runBackupSync })),
  ) as SyncAnswer
  if (!asked.data?.sync.backup) throw new Error(`no copy: ${JSON.stringify(asked)}`)
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(patienceMs)])
  while ((await countUnsynced(endpoint)) > 0)
    await delay(lookEveryMs, undefined, { signal: deadline })
}

async function countUnsynced(endpoint: Endpoint): Promise<number> {
  const answer = JSON.parse(await ask(endpoint, JSON.stringify({ query: backupStatus }))) as {
    data: { backupStatus: { unsyncedCount: number } }
  }
  return answer.data.backupStatus.unsyncedCount
}
