import { fileURLToPath } from 'node:url'
import type { LimitSettings } from './limit.ts'
import type { ProgramOptions } from './program.ts'
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

function pathOf(relative: string): string {
  return fileURLToPath(new URL(relative, import.meta.url))
}
