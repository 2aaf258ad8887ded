import { createHttp, type Http } from './http.ts'
import { readAddress } from './zerodb/address.ts'
import { neighbour } from './zerodb/answers.ts'
import { createClient, type ZeroDbAlarm } from './zerodb/client.ts'
import { createRowReader, type RowReader } from './zerodb/read-rows.ts'
import { createFiles, type Files } from './zerodb/files.ts'
import { authorize, type Credential } from './zerodb/session.ts'
import { createTables, type Tables } from './zerodb/tables.ts'
import { createRowWriter, type RowWriter } from './zerodb/write-rows.ts'

export type { RowData } from './zerodb/answers.ts'
export { keysPerQuery, type ZeroDbAlarm } from './zerodb/client.ts'
export type { NewRow } from './zerodb/write-rows.ts'

export interface ZeroDbOptions {
  /** With or without a version at the end. */
  baseUrl: string
  projectId: string
  credential: Credential
  /** `{projectId}` stands for the project. */
  pathPrefix?: string
  /** The name ZeroDB reads a query's filter from; another one it ignores without a word. */
  filterKey?: 'filter' | 'filters'
  /** For a call with its repeats. */
  timeoutMs?: number
  /** A request unanswered for so long counts against ZeroDB's health. */
  slowMs?: number
  /** Requests at a time, and calls that may wait for their turn. */
  maxInFlight?: number
  maxQueued?: number
  /** Longer answers are broken off; up to `maxInFlight` of them may be in memory at once. */
  maxAnswerBytes?: number
  onAlarm?: (alarm: ZeroDbAlarm) => void
}

/**
 * ZeroDB's cloud dialect. Every method fails with UpstreamError, or with the reason of the signal
 * when its caller left. Each returned row has been checked to be of the tenant that asked.
 */
export interface ZeroDb
  extends RowReader, RowWriter, Tables, Files, Pick<Http, 'health'>, AsyncDisposable {}

export function createZeroDb(options: ZeroDbOptions): ZeroDb {
  const { baseUrl, projectId, credential, pathPrefix, filterKey, onAlarm, ...limits } = options
  const address = readAddress(baseUrl, pathPrefix ?? '/api/v1/projects/{projectId}', projectId)
  // More than about twenty at once are known to wedge a ZeroDB server.
  const http = createHttp({ maxInFlight: 8, ...limits, neighbour, origin: address.origin })
  const session = authorize(http, credential, address.loginPath)
  const client = createClient(session.json, address.databasePath, {
    filterKey: filterKey ?? 'filter',
    alarm: (alarm) => onAlarm?.(alarm),
  })
  const forFiles = createHttp({ ...fileLimits, neighbour, origin: address.origin })
  const filesSession = authorize(forFiles, credential, address.loginPath)
  const reader = createRowReader(client)
  return {
    ...reader,
    ...createRowWriter(client, reader),
    ...createTables(client),
    ...createFiles(filesSession, address.filesPath),
    health: http.health,
    async [Symbol.asyncDispose]() {
      await http[Symbol.asyncDispose]()
      await forFiles[Symbol.asyncDispose]()
    },
  }
}

/** A way of their own: what takes long with files says nothing of rows, and must not hold them up. */
const fileLimits = { timeoutMs: 60_000, slowMs: 15_000, maxInFlight: 2, maxQueued: 32 }
