import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { freePort, isReady, runProgram, temporaryDirectory } from '../support/program.ts'

const files = 400
const kills = 10

/** Bodies of 1 to 20 kB, so that the import lasts longer than one life of the server. */
async function writeArticles(folder: string): Promise<void> {
  await mkdir(folder)
  for (let index = 0; index < files; index++) {
    const text = `Paragraph ${index}. `.repeat(50 + ((index * 37) % 1_000))
    await writeFile(join(folder, `${index}.md`), `---\ntitle: Article ${index}\n---\n${text}\n`)
  }
}

/** How many contents there are; fewer than none while the API does not answer. */
async function countContents(port: number, token: string): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${port}/graphql`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      query:
        '{ contents(first: 1, where: { title: { startsWith: "Article " } }) { totalCount(mode: EXACT) { value } } }',
    }),
  }).catch(() => undefined)
  const answer = (await response?.json()) as CountAnswer | undefined
  return answer?.data?.contents.totalCount.value ?? -1
}

interface CountAnswer {
  data?: { contents: { totalCount: { value: number } } }
}

test(
  `an import finishes with exact counts although the API is killed ${kills} times`,
  { timeout: 300_000 },
  async () => {
    await using directory = await temporaryDirectory()
    const articles = join(directory.path, 'articles')
    await writeArticles(articles)
    const port = await freePort()
    const env = { DATA_DIR: join(directory.path, 'data'), PORT: String(port) }
    const fsck = async () => {
      await using program = runProgram(['fsck'], env)
      return { code: await program.exited, output: program.output() }
    }
    const wait = { timeout: 60_000, interval: 10 }

    let server = runProgram(['start'], env)
    await vi.waitUntil(() => isReady(port), wait)
    await using printed = runProgram(['token'], env)
    await printed.exited
    const count = () => countContents(port, printed.output().trim())
    const before = await count()
    await using importing = runProgram(['import', articles, '--parallel', '2'], env)
    for (let kill = 0; kill < kills; kill++) {
      await vi.waitUntil(async () => (await count()) - before > (kill * files) / (2 * kills), wait)
      expect(importing.child.exitCode).toBeNull()
      server.child.kill('SIGKILL')
      await server.exited
      // On what the crash left, before anything has been swept; it starts the stores itself.
      expect(await fsck()).toEqual({ code: 0, output: expect.stringContaining('clean') })
      server = runProgram(['start'], env)
      await vi.waitUntil(() => isReady(port), wait)
    }
    await using last = server

    const code = await importing.exited
    expect({ code, output: importing.output() }).toEqual({ code: 0, output: expect.any(String) })
    expect(await fsck()).toEqual({ code: 0, output: expect.stringContaining('clean') })
    await using again = runProgram(['import', articles], env)
    expect(await again.exited).toBe(0)
    expect(again.output()).toContain(`${files} unchanged`)
    expect((await count()) - before).toBe(files)
    expect(last.child.exitCode).toBeNull()
  },
)
