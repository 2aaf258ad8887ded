import { relative } from 'node:path'
import { expect, test } from 'vitest'
import { findFiles } from '../../../src/app/import/find-files.ts'
import { readBatches } from '../../../src/app/import/read-batches.ts'
import { folderOf } from '../../support/folder.ts'

async function read(path: string) {
  const failed: Record<string, string> = {}
  const batches = readBatches(await findFiles(path), (file, reason) => {
    failed[file.relativePath] = reason
  })
  return { batches: await Array.fromAsync(batches), failed }
}

test('Markdown is found in every folder, in one order, and named after the folder', async () => {
  const files = [
    'b.md',
    'a/z.mdx',
    'a/b.c.markdown',
    'A.MD',
    '.git/x.md',
    'node_modules/x.md',
    'x.txt',
  ]
  await using folder = await folderOf(Object.fromEntries(files.map((name) => [name, 'Text'])))
  const names = ['blog/A', 'blog/a/b.c', 'blog/a/z', 'blog/b']
  expect((await findFiles(folder.path)).map(({ id }) => id)).toEqual(names)
  const shortcut = relative(process.cwd(), folder.path)
  expect((await findFiles(shortcut)).map(({ id }) => id)).toEqual(names)
  expect((await findFiles(folder.path, 'news'))[0]?.id).toBe('news/A')
  await expect(findFiles(`${folder.path}/nowhere`)).rejects.toThrow('ENOENT')
})

test('one name is one id, however a file system spells it', async () => {
  await using folder = await folderOf({ 'e\u0301te\u0301.md': 'Text' })
  expect((await findFiles(folder.path))[0]?.id).toBe('blog/\u00e9t\u00e9')
})

test('ten files are a batch; bad ones are named and keep no other back', async () => {
  const good = Array.from({ length: 21 }, (_, n) => [`${String(n).padStart(2, '0')}.md`, 'Text'])
  await using folder = await folderOf({
    ...Object.fromEntries(good),
    'bad.md': '---\na: [\n---\nText',
    'empty.md': '',
    'large.md': 'x'.repeat(2.1 * 1024 ** 2),
    'quotes.md': '"'.repeat(1.2 * 1024 ** 2),
    'twin.md': '---\nslug: "00"\n---\nText',
  })
  const { batches, failed } = await read(folder.path)
  expect(batches.map((batch) => batch.length)).toEqual([10, 10, 1])
  expect(failed).toEqual({
    'bad.md': expect.stringContaining('bad YAML'),
    'empty.md': 'the file is empty',
    'large.md': expect.stringContaining('is too large'),
    'quotes.md': expect.stringContaining('is too large'),
    'twin.md': 'has the same id as 00.md',
  })
})
