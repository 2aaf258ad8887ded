import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import { KeyServiceUnavailableError, StartupError } from '../../lib/errors.ts'
import type { KeyManager } from './manager.ts'
import { openSealed, sealWith, toSecretKey } from '../seal.ts'

/** `keys` by name, each 32 bytes in base64; `current` names the one that wraps. */
const masterKeysFile = z
  .object({
    current: z.string(),
    keys: z.record(
      // Names of the one kind must not be taken for the other's.
      z.string().regex(/^[\w.-]{1,100}$/),
      z.base64().refine((text) => Buffer.from(text, 'base64').length === 32, 'must be 32 bytes'),
    ),
  })
  .refine(({ current, keys }) => Object.hasOwn(keys, current), 'current names none of the keys')

interface MasterKeys extends KeyManager {
  has(masterKey: string): boolean
}

/**
 * Master keys in a file, for one machine or a mounted secret. A name that is not known yet is looked
 * up in the file again: while keys are rotated, processes that began before go on.
 */
export async function createMasterKeys(file: string): Promise<MasterKeys> {
  let { current, keys } = await readMasterKeys(file)
  return {
    currentKey: current,
    has: (masterKey) => !masterKey.includes('/'),
    wrap: async (plain, context) => ({
      masterKey: current,
      wrapped: sealWith(keyNamed(keys, current), plain, context),
    }),
    async unwrap({ masterKey, wrapped }, context) {
      if (!keys.has(masterKey)) ({ keys } = await readMasterKeys(file).catch(unavailable))
      return openSealed(keyNamed(keys, masterKey), wrapped, context)
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}

function keyNamed<Key>(keys: ReadonlyMap<string, Key>, name: string): Key {
  const key = keys.get(name)
  if (!key) throw new KeyServiceUnavailableError(`the master key ${name} is not in the file`)
  return key
}

function unavailable(error: unknown): never {
  throw new KeyServiceUnavailableError(error instanceof Error ? error.message : 'unreadable')
}

async function readMasterKeys(file: string) {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new StartupError([`MASTER_KEYS_FILE="${file}" cannot be read (${error.code}).`], 2)
  })
  const { data, error } = masterKeysFile.safeParse(parseJson(text))
  // Neither the text nor a value of it: it is all secret.
  if (!data) {
    const wrong = error.issues.map(({ path, message }) => `${path.join('.') || 'it'}: ${message}`)
    throw new StartupError([`MASTER_KEYS_FILE="${file}" is not usable: ${wrong.join('; ')}`], 2)
  }
  const keys = Object.entries(data.keys).map(
    ([name, key]) => [name, toSecretKey(Buffer.from(key, 'base64'))] as const,
  )
  return { current: data.current, keys: new Map(keys) }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
