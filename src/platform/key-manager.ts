import { createGoogleKms, type GoogleKmsOptions } from './key-manager/google-kms.ts'
import type { KeyManager } from './key-manager/manager.ts'
import { createMasterKeys } from './key-manager/master-keys.ts'

export type { KeyManager }

/** Both while moving from the one to the other: then the file only unwraps. */
export interface KeyManagerOptions {
  /** The path of a file of master keys. */
  file?: string
  kms?: GoogleKmsOptions
}

/** Throws StartupError when the file or the account cannot be read. */
export async function openKeyManager({ file, kms }: KeyManagerOptions): Promise<KeyManager> {
  const local = file === undefined ? undefined : await createMasterKeys(file)
  const remote = kms && (await createGoogleKms(kms))
  if (local && remote) {
    return {
      ...remote,
      unwrap: (key, context) => (local.has(key.masterKey) ? local : remote).unwrap(key, context),
    }
  }
  const only = remote ?? local
  if (!only) throw new Error('a key manager needs a file or a KMS')
  return only
}
