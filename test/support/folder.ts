import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

/** A folder of its own with these files in it, gone on dispose. */
export async function folderOf(
  files: Record<string, string | Uint8Array>,
): Promise<
  AsyncDisposable & { path: string; write: (name: string, text: string) => Promise<void> }
> {
  const root = await mkdtemp(join(tmpdir(), 'gateway-import-'))
  const path = join(root, 'blog')
  const write = async (name: string, content: string | Uint8Array) => {
    await mkdir(dirname(join(path, name)), { recursive: true })
    await writeFile(join(path, name), content)
  }
  await mkdir(path)
  for (const [name, content] of Object.entries(files)) await write(name, content)
  return {
    path,
    write,
    [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }),
  }
}
