import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inject } from 'vitest'
import type { Neighbours } from '../../src/platform/services.ts'
import { expectNoCanaries } from './canaries.ts'

/** A gateway command as a process of its own, as an operator would run it. */
export interface Program extends AsyncDisposable {
  child: ChildProcess
  /** What it has printed so far, both streams. */
  output(): string
  /** Resolves with the exit code, or null after a signal. */
  exited: Promise<number | null>
}

/** Settings of a program that is to work with the stores of a gateway. */
export function storesOf({ neighbours }: { neighbours: Neighbours }): Record<string, string> {
  const { databaseUrl, zerodb, bigquery } = neighbours
  const { baseUrl, projectId, credential } = zerodb
  return {
    DATABASE_URL: databaseUrl,
    ZERODB_API_URL: baseUrl,
    ZERODB_PROJECT_ID: projectId,
    ZERODB_API_KEY: 'apiKey' in credential ? credential.apiKey : '',
    ...(bigquery && {
      BIGQUERY_SYNC_ENABLED: 'true',
      BIGQUERY_PROJECT_ID: bigquery.projectId,
      BIGQUERY_API_URL: bigquery.apiUrl ?? '',
      BIGQUERY_ACCESS_TOKEN: bigquery.accessToken ?? '',
    }),
  }
}

export function runProgram(args: readonly string[], env: Record<string, string>): Program {
  const child = spawn(process.execPath, ['src/bin/gateway.ts', ...args], {
    env: {
      PATH: process.env['PATH'],
      NODE_ENV: 'test',
      // All that there is to say, so that it can be searched for secrets.
      LOG_LEVEL: 'debug',
      MASTER_KEYS_FILE: inject('masterKeysFile'),
      // Nobody there; empty for a stand-in, which then needs a DATA_DIR.
      LLM_BASE_URL: 'http://127.0.0.1:9/v1',
      // Nobody balances its load.
      STOP_DRAIN_MS: '0',
      // Neither a copy nor a stand-in for one, unless the gateway has it.
      BIGQUERY_SYNC_ENABLED: 'false',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let printed = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (printed += text))
  }
  const exited = once(child, 'close').then(([code]) => code as number | null)
  return {
    child,
    output: () => printed,
    exited,
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM')
      await exited
      expectNoCanaries(printed, `what "gateway ${args.join(' ')}" printed`)
    },
  }
}

/** A directory of its own, gone on dispose. */
export async function temporaryDirectory(): Promise<AsyncDisposable & { path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'gateway-program-'))
  return {
    path,
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true, maxRetries: 5 }),
  }
}

/**
 * A port that nobody listens on, below those the system hands out by itself: while a test restarts its
 * program, no other test's server can come to sit on it.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 20_000)
    const server = createServer().listen(port, '127.0.0.1')
    const listening = await once(server, 'listening').then(
      () => true,
      () => false,
    )
    if (!listening) continue
    server.close()
    await once(server, 'close')
    return port
  }
}

/** Whether the gateway on this port answers that it is ready. */
export async function isReady(port: number): Promise<boolean> {
  try {
    const answer = await fetch(`http://127.0.0.1:${port}/readyz`)
    // Read to its end, so that its connection is free.
    await answer.text()
    return answer.ok
  } catch {
    return false
  }
}
