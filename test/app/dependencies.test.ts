import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'

type Versions = Record<string, string>

interface Manifest {
  dependencies: Versions
  devDependencies: Versions
  overrides: Versions
  allowScripts: Record<string, boolean>
}

interface Locked {
  version: string
  name?: string
  hasInstallScript?: boolean
}

async function read<T>(name: string): Promise<T> {
  const text = await readFile(new URL(`../../${name}`, import.meta.url), 'utf8')
  return JSON.parse(text) as T
}

const manifest = await read<Manifest>('package.json')
const lock = await read<{ packages: Record<string, Locked> & { '': Partial<Manifest> } }>(
  'package-lock.json',
)
const wanted = { ...manifest.dependencies, ...manifest.devDependencies }

test('every dependency is pinned to one version, and that is the one in the lockfile', () => {
  const exact = /^(npm:(@[\w-]+\/)?[\w-]+@)?\d+\.\d+\.\d+(-[\w.]+)?$/
  for (const [name, version] of Object.entries({ ...wanted, ...manifest.overrides })) {
    expect({ name, version }).toEqual({ name, version: expect.stringMatching(exact) })
  }
  for (const [name, version] of Object.entries(wanted)) {
    const locked = lock.packages[`node_modules/${name}`]?.version
    expect({ name, locked }).toEqual({ name, locked: version.split('@').at(-1) })
  }
  const { dependencies, devDependencies } = lock.packages['']
  expect({ ...dependencies, ...devDependencies }).toEqual(wanted)
})

test('only packages on the list run programs when they are installed', () => {
  const running = Object.entries(lock.packages)
    .filter(([, locked]) => 'hasInstallScript' in locked)
    .map(([path]) => path.split('node_modules/').at(-1))
  expect(running.length).toBeGreaterThan(0)
  expect(Object.keys(manifest.allowScripts)).toEqual(expect.arrayContaining(running))
})
