import { readdir } from 'node:fs/promises'
import { basename, extname, join, resolve, sep } from 'node:path'

export interface SourceFile {
  /** Where it is, from the root of the file system. */
  path: string
  /** Where it is within the folder, with `/` between names on every system. */
  relativePath: string
  /**
   * Its name for the gateway: the name given to the folder, then the path without extension. It
   * does not depend on the current directory, and folders of different names never collide.
   */
  id: string
}

const extensions = new Set(['.md', '.mdx', '.markdown'])

/**
 * Every Markdown file under `folder`, in the order of their ids. Hidden folders, `node_modules` and
 * symbolic links are passed over. Fails with ENOENT or ENOTDIR when there is no such folder.
 */
export async function findFiles(folder: string, name?: string): Promise<SourceFile[]> {
  const root = resolve(folder)
  const collection = name ?? basename(root)
  const files: SourceFile[] = []
  const visit = async (directory: string) => {
    for (const entry of await readdir(directory, { withFileTypes: true })) {
      const path = join(directory, entry.name)
      if (entry.isDirectory() && !isIgnored(entry.name)) await visit(path)
      if (!entry.isFile() || !extensions.has(extname(entry.name).toLowerCase())) continue
      const relativePath = path.slice(root.length).split(sep).filter(Boolean).join('/')
      files.push({ path, relativePath, id: idOf(collection, relativePath) })
    }
  }
  await visit(root)
  return files.toSorted((a, b) => (a.relativePath < b.relativePath ? -1 : 1))
}

function isIgnored(name: string): boolean {
  return name.startsWith('.') || name === 'node_modules'
}

/** Normalized: some file systems store `é` as two characters, others as one. */
function idOf(collection: string, relativePath: string): string {
  return `${collection}/${relativePath.replace(/\.[^./]*$/, '')}`.normalize()
}
