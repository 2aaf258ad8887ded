import { fileURLToPath } from 'node:url'
import type { LimitSettings } from './limit.ts'
import { pageSize } from './pages.ts'
import type { ProgramOptions } from './program.ts'
import type { Neighbourhood } from './services.ts'
import type { World } from './world.ts'

/** Whom a section measures. */
export interface Contender {
  name: string
  program: Pick<ProgramOptions, 'command' | 'env'>
  /**
   * Asks for the same pages in words of its own; its answers must hold the same contents. Without it they
   * must be the gateway's, byte for byte.
   */
  ownQuery?: string
}

/** As in production, but for the stand-ins in place of the neighbours. */
export function gateway(world: World, cacheMb: number): Contender['program'] {
  const env = { ...production(world), PORT: '0', BODY_CACHE_MB: String(cacheMb) }
  return { command: [pathOf('../src/bin/gateway.ts'), 'serve'], env }
}

/** What runs the jobs. */
export function worker(world: World): Contender['program'] {
  return { command: [pathOf('../src/bin/gateway.ts'), 'work'], env: production(world) }
}

function production({ dataDir, modelUrl }: World) {
  return {
    NODE_ENV: 'production',
    ALLOW_STAND_INS: '1',
    DATA_DIR: dataDir,
    LLM_BASE_URL: modelUrl,
    LLM_API_KEY: 'sk-of-the-benchmark',
    // One tenant asks for all there is.
    RATE_LIMIT_POINTS: '0',
  }
}

/** The least such a page can cost. */
export function limit(
  { tenantId, readerUrl, zerodb }: World,
  what: Pick<LimitSettings, 'page' | 'keepBodies'>,
): Contender {
  const settings: LimitSettings = { tenantId, readerUrl, zerodb, ...what }
  const env = { NODE_ENV: 'production' }
  return {
    name: 'limit',
    program: { command: [pathOf('limit.ts'), JSON.stringify(settings)], env },
  }
}

/** What the peers are started with. */
export interface PeerSettings extends Neighbourhood {
  /** May read contents past row-level security. */
  readerUrl: string
  /** Of a table that has the bodies as well. */
  oneStoreUrl: string
  cacheMb: number
}

/** The stack that most would write. */
export function plain(world: World, ownQuery: string): Contender {
  return peer('plain', world, {}, ownQuery)
}

/** The gateway's schema and services behind Apollo Server. */
export function apollo(world: World, cacheMb: number, ownQuery: string): Contender {
  return peer('apollo', world, { cacheMb }, ownQuery)
}

/** Everything in one store. */
export function postgraphile(world: World, oneStoreUrl: string, fields: string): Contender {
  const ownQuery = `query Contents($after: Cursor) {
  contents: allContents(first: ${pageSize}, after: $after, orderBy: [CREATED_AT_DESC, ROW_ID_DESC]) {
    nodes { ${fields} }
    pageInfo { hasNextPage endCursor }
  }
}`
  return peer('postgraphile', world, { oneStoreUrl }, ownQuery)
}

function peer(
  name: 'plain' | 'apollo' | 'postgraphile',
  { dataDir, databaseUrl, zerodb, tokens, readerUrl }: World,
  own: Partial<PeerSettings>,
  ownQuery: string,
): Contender {
  const shared = { dataDir, databaseUrl, zerodb, tokens, readerUrl }
  const settings: PeerSettings = { ...shared, oneStoreUrl: '', cacheMb: 0, ...own }
  const command = [pathOf(`peers/${name}.ts`), JSON.stringify(settings)]
  return { name, program: { command, env: { NODE_ENV: 'production' } }, ownQuery }
}

function pathOf(relative: string): string {
  return fileURLToPath(new URL(relative, import.meta.url))
}
