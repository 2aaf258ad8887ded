import { z } from 'zod'
import { openStandIn } from './stand-in.ts'

export const PostgresSettings = z.object({
  setupSql: z.string(),
  settings: z.record(z.string(), z.string()),
})

export const PostgresDetails = z.object({
  port: z.int(),
  /** As `gateway_owner`, who owns the database `gateway`. */
  ownerUrl: z.string(),
  /** As `gateway_login`, to the same database. */
  loginUrl: z.string(),
  /** As the superuser, to the database `postgres`. */
  adminUrl: z.string(),
})

export interface PostgresOptions {
  dataDir: string
  /**
   * Run as superuser in the database `gateway` at each start of the server, so it must be repeatable.
   * It creates at least the login roles `gateway_owner` and `gateway_login`.
   */
  setupSql: string
  /** `postgresql.conf` by name, e.g. `{ fsync: 'off' }`; a running server keeps those it has. */
  settings?: Readonly<Record<string, string>>
}

export interface LocalPostgres extends z.infer<typeof PostgresDetails>, AsyncDisposable {
  /** True when this call started it, false when another process had it running. */
  readonly started: boolean
}

/** Holds the PostgreSQL of this data directory, on loopback; the first start creates its cluster. */
export async function openPostgres(options: PostgresOptions): Promise<LocalPostgres> {
  const { dataDir, setupSql, settings = {} } = options
  const standIn = await openStandIn({
    name: 'postgres',
    dataDir,
    settings: PostgresSettings.parse({ setupSql, settings }),
    program: new URL('postgres/program.ts', import.meta.url),
    startMs: 60_000,
  })
  return {
    ...PostgresDetails.parse(standIn.details),
    started: standIn.started,
    [Symbol.asyncDispose]: () => standIn[Symbol.asyncDispose](),
  }
}
