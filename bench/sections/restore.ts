import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { sampleContents } from '../contents.ts'
import { tenths } from '../figures.ts'
import { runToEnd, startProgram } from '../program.ts'
import { copyEverything } from '../recovery-copy.ts'
import { gateway, worker } from '../contenders.ts'
import type { Bench, Section, SectionResult } from '../section.ts'
import { renderTable } from '../table.ts'
import type { World } from '../world.ts'
import { deleteRows } from '../zerodb.ts'

/** How fast contents come in from files, and back from the recovery copy. */
export const restore: Section = {
  name: 'restore',
  about: 'a folder of Markdown is imported, and what ZeroDB lost is restored from BigQuery',
  run: measureRestore,
}

async function measureRestore(bench: Bench): Promise<SectionResult> {
  const { signal, progress } = bench
  await using world = await bench.openWorld()
  const contents = bench.quick ? 1_000 : 10_000
  const folder = await writeArticles(world, contents, bench.options.bodySize)
  await using api = await startProgram(gateway(world, 0))
  const importSeconds = await timed(() => runToEnd(importOf(world, folder, api.url), signal))
  progress(`restore: imported ${contents} articles in ${tenths(importSeconds)} s`)
  {
    await using _worker = await startProgram(worker(world))
    await copyEverything({ url: api.url, token: world.token }, signal)
    progress('restore: all is in the copy')
  }
  for (const table of ['content_items', 'content_versions']) await deleteRows(world, table)
  const restoreSeconds = await timed(() => runToEnd(restoreOf(world), signal))
  const figures = { contents, importSeconds, restoreSeconds }
  const row = (name: string, seconds: number) => [name, tenths(seconds), tenths(contents / seconds)]
  const table = renderTable(
    `restore: ${restore.about}, ${contents.toLocaleString('en')} contents`,
    [['', 'seconds', 'contents/s'], row('import', importSeconds), row('restore', restoreSeconds)],
  )
  return { table, targets: [], figures }
}

/** As a site has them: front matter, and the body below it. */
async function writeArticles(world: World, count: number, bodySize: number): Promise<string> {
  const folder = join(world.dataDir, 'articles')
  await mkdir(folder)
  for (const [index, { title, tags, body }] of [
    ...sampleContents(count, 20_261_123, bodySize),
  ].entries()) {
    const front = `title: ${JSON.stringify(title)}\ntags: ${JSON.stringify(tags)}`
    await writeFile(join(folder, `article-${index}.md`), `---\n${front}\n---\n${body.raw}`)
  }
  return folder
}

function importOf(world: World, folder: string, url: string) {
  const { command, env } = worker(world)
  return {
    command: [command[0] ?? '', 'import', folder, '--url', `${url}/graphql`],
    env: { ...env, GATEWAY_TOKEN: world.token },
  }
}

function restoreOf(world: World) {
  const { command, env } = worker(world)
  return {
    command: [command[0] ?? '', 'restore', '--tenant', world.tenantId],
    env,
  }
}

/** Seconds, with the start of the command. */
async function timed(work: () => Promise<void>): Promise<number> {
  const startedAt = performance.now()
  await work()
  return (performance.now() - startedAt) / 1_000
}
