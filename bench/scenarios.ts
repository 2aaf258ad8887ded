import { fileURLToPath } from 'node:url'
import type { LimitSettings } from './limit.ts'
import type { ProgramOptions } from './program.ts'
import type { World } from './world.ts'

export const contenders = ['gateway', 'limit'] as const
export type Contender = (typeof contenders)[number]

export const scenarioNames = ['cold', 'warm'] as const
export type ScenarioName = (typeof scenarioNames)[number]

export interface Scenario {
  name: ScenarioName
  title: string
  /** The part of the limit's throughput that the gateway shall reach. */
  target: number
  programs: Record<Contender, Pick<ProgramOptions, 'command' | 'env'>>
}

/** A page of 20 contents with their bodies, asked from ZeroDB each time or found in memory. */
export function scenariosOf(world: World): Scenario[] {
  return [
    {
      name: 'cold',
      title: '20 contents with bodies, every body from ZeroDB',
      target: 0.5,
      programs: { gateway: gateway(world, 0), limit: limit(world, false) },
    },
    {
      name: 'warm',
      title: '20 contents with bodies, every body in memory',
      target: 0.45,
      programs: { gateway: gateway(world, 512), limit: limit(world, true) },
    },
  ]
}

/** As in production, but for the stand-ins in place of the neighbours. */
export function gateway(world: World, cacheMb: number) {
  const env = { ...production(world), PORT: '0', BODY_CACHE_MB: String(cacheMb) }
  return { command: [pathOf('../src/bin/gateway.ts'), 'serve'], env }
}

/** What runs the jobs. */
export function worker(world: World) {
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

function limit({ tenantId, readerUrl, zerodb }: World, keepBodies: boolean) {
  const settings: LimitSettings = { tenantId, readerUrl, zerodb, keepBodies }
  const env = { NODE_ENV: 'production' }
  return { command: [pathOf('limit.ts'), JSON.stringify(settings)], env }
}

function pathOf(relative: string): string {
  return fileURLToPath(new URL(relative, import.meta.url))
}
