import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gateway } from './contenders.ts'
import { startLoadGenerator } from './load-generator.ts'
import { createAll, type PageRequest, walkPages } from './pages.ts'
import { startProgram } from './program.ts'
import type { Bench } from './section.ts'
import { openWorld as openWorldIn, type World } from './world.ts'

export interface BenchOptions extends Pick<Bench, 'quick' | 'options' | 'progress' | 'signal'> {
  /** In the shared world. */
  contents: number
  /** What each query of ZeroDB takes longer in the shared world. */
  zerodbLatencyMs: number
}

/** Everything the sections work with; the shared world begins when the first of them asks for it. */
export function openBench(options: BenchOptions): Bench & AsyncDisposable {
  const opened = new AsyncDisposableStack()
  let sharing: ReturnType<Bench['shared']> | undefined
  return {
    ...options,
    load: opened.use(startLoadGenerator()),
    shared: () => (sharing ??= openShared(options, opened)),
    openWorld,
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

async function openShared(options: BenchOptions, opened: AsyncDisposableStack) {
  options.progress('starting PostgreSQL and ZeroDB')
  const world = opened.use(await openWorld())
  const pages = await fill(world, options)
  if (options.zerodbLatencyMs > 0) await world.slowDownZeroDb('query', options.zerodbLatencyMs)
  return { world, pages }
}

/** Gives the tenant its contents and answers the requests that will be asked. */
async function fill(world: World, options: BenchOptions): Promise<PageRequest[]> {
  await using writer = await startProgram(gateway(world, 64))
  const endpoint = { url: writer.url, token: world.token }
  const { contents: count, signal, progress } = options
  const { bodySize } = options.options
  await createAll(endpoint, { count, bodySize, brandIds: world.brandIds }, (done) => {
    signal.throwIfAborted()
    if (done % 500 === 0) progress(`created ${done} of ${count} contents`)
  })
  await world.settle()
  return await walkPages(endpoint)
}

async function openWorld(): Promise<World> {
  await using opening = new AsyncDisposableStack()
  const dataDir = await mkdtemp(join(tmpdir(), 'gateway-bench-'))
  opening.defer(() => rm(dataDir, { recursive: true, force: true }))
  const world = opening.use(await openWorldIn(dataDir))
  const opened = opening.move()
  return { ...world, [Symbol.asyncDispose]: () => opened.disposeAsync() }
}
