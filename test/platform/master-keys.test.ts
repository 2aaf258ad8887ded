import { randomBytes } from 'node:crypto'
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ensureMasterKeys } from '../../src/local/master-keys.ts'
import { openKeyManager } from '../../src/platform/key-manager.ts'
import { canary, expectNoCanaries } from '../support/canaries.ts'
import { startKms } from '../support/kms.ts'
import { temporaryDirectory } from '../support/program.ts'

const plain = () => Buffer.from('a data key of 32 bytes, or so ...')
/** In our own words, or by what the key service answers. */
const wrongPlace = /does not open|cannot be kept or used/
const newKey = () => randomBytes(32).toString('base64')

async function writeKeys(file: string, current: string, keys: Record<string, string>) {
  await writeFile(file, JSON.stringify({ current, keys }))
}

test('without a file one is made, once, for nobody else to read', async () => {
  await using directory = await temporaryDirectory()
  const dataDir = join(directory.path, 'new')
  const files = await Promise.all(Array.from({ length: 10 }, () => ensureMasterKeys(dataDir)))

  const [file = ''] = files
  expect(new Set(files).size).toBe(1)
  expect(await readdir(dataDir)).toEqual(['master-keys.json'])
  expect((await stat(file)).mode & 0o777).toBe(0o600)
  const made = await readFile(file, 'utf8')
  await ensureMasterKeys(dataDir)
  expect(await readFile(file, 'utf8')).toBe(made)
  await using manager = await openKeyManager({ file })
  const key = await manager.wrap(plain(), 'here')
  expect(await manager.unwrap(key, 'here')).toEqual(plain())
  await expect(manager.unwrap(key, 'there')).rejects.toThrow('does not open')
})

test('a key that was added to the file later is found without a restart', async () => {
  await using directory = await temporaryDirectory()
  const file = join(directory.path, 'keys.json')
  const [a, b] = [newKey(), newKey()]
  await writeKeys(file, 'a', { a })
  await using before = await openKeyManager({ file })
  await writeKeys(file, 'b', { a, b })
  await using after = await openKeyManager({ file })

  const key = await after.wrap(plain(), 'here')

  expect(key.masterKey).toBe('b')
  expect(await before.unwrap(key, 'here')).toEqual(plain())
  expect(await after.unwrap(await before.wrap(plain(), 'here'), 'here')).toEqual(plain())
  await writeKeys(file, 'b', { b })
  await using later = await openKeyManager({ file })
  const old = await before.wrap(plain(), 'here')
  await expect(later.unwrap(old, 'here')).rejects.toMatchObject({
    code: 'KEY_SERVICE_UNAVAILABLE',
    reason: 'the master key a is not in the file',
  })
})

test('a file that is of no use is refused in plain words, with nothing that stands in it', async () => {
  await using directory = await temporaryDirectory()
  const secret = Buffer.from(canary('master')).toString('base64')
  const contents = {
    text: canary('text'),
    list: `["${secret}"]`,
    short: JSON.stringify({ current: 'a', keys: { a: secret.slice(0, 40) } }),
    encoding: JSON.stringify({ current: 'a', keys: { a: `${secret}ü` } }),
    current: JSON.stringify({ current: 'b', keys: { a: newKey() } }),
    prototype: `{"current": "toString", "keys": {"a": "${newKey()}"}}`,
    name: JSON.stringify({ current: 'a/b', keys: { 'a/b': newKey() } }),
  }
  await mkdir(directory.path, { recursive: true })
  for (const [name, text] of Object.entries(contents)) {
    const file = join(directory.path, name)
    await writeFile(file, text)
    const failure: unknown = await openKeyManager({ file }).catch((error: unknown) => error)
    expect(failure).toMatchObject({ name: 'StartupError', exitCode: 2 })
    const { message, stack } = failure as Error
    expect(message).toMatch(/^MASTER_KEYS_FILE=".+" is not usable: /)
    expectNoCanaries(message + stack, name)
  }
  const missing = openKeyManager({ file: join(directory.path, 'missing') })
  await expect(missing).rejects.toThrow(/cannot be read \(ENOENT\)/)
  const credentialsFile = join(directory.path, 'text')
  const kms = { keyName: 'k', apiUrl: 'http://127.0.0.1:1', credentialsFile }
  await expect(openKeyManager({ kms })).rejects.toThrow(/is not the key file of a service account/)
})

test('with a KMS and a file the one wraps and both unwrap', async () => {
  await using directory = await temporaryDirectory()
  await using kms = await startKms()
  const file = await ensureMasterKeys(directory.path)
  await using local = await openKeyManager({ file })
  await using both = await openKeyManager({ file, ...kms.masterKeys })

  const [old, fresh] = [await local.wrap(plain(), 'here'), await both.wrap(plain(), 'here')]

  expect(fresh.masterKey).toBe(kms.masterKeys.kms.keyName)
  for (const key of [old, fresh]) expect(await both.unwrap(key, 'here')).toEqual(plain())
  for (const key of [old, fresh])
    await expect(both.unwrap(key, 'there')).rejects.toThrow(wrongPlace)
})
