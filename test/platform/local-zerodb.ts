import { randomUUID } from 'node:crypto'
import { startZeroDbServer, type ZeroDbServer } from '../../src/local/zerodb/server.ts'
import {
  createZeroDb,
  type ZeroDb,
  type ZeroDbAlarm,
  type ZeroDbOptions,
} from '../../src/platform/zerodb.ts'

export interface LocalZeroDb extends AsyncDisposable {
  zerodb: ZeroDb
  /** What another client of the same server needs. */
  settings: ZeroDbOptions
  server: ZeroDbServer
  alarms: ZeroDbAlarm[]
}

/** The stand-in with one empty table, and a client of it that collects its alarms. */
export async function startLocalZeroDb(
  table: string,
  options: Partial<ZeroDbOptions> = {},
): Promise<LocalZeroDb> {
  const [projectId, apiKey] = [randomUUID(), 'sk_test']
  const server = await startZeroDbServer({ file: ':memory:', projectId, apiKey })
  const alarms: ZeroDbAlarm[] = []
  const settings = { baseUrl: server.url, projectId, credential: { apiKey } }
  const zerodb = createZeroDb({
    ...settings,
    onAlarm: (alarm) => alarms.push(alarm),
    ...options,
  })
  await using setUp = createZeroDb(settings)
  await setUp.createTable(table)
  server.calls.length = 0
  return {
    zerodb,
    settings,
    server,
    alarms,
    async [Symbol.asyncDispose]() {
      await zerodb[Symbol.asyncDispose]()
      await server[Symbol.asyncDispose]()
    },
  }
}
