export interface WrappedKey {
  /** The name of the master key that wraps it. */
  masterKey: string
  wrapped: string
}

/**
 * Guards the master keys, which never leave it. `context` is authenticated with what is wrapped: with
 * another one it does not open. Both calls throw KeyServiceUnavailableError; there is no fallback.
 */
export interface KeyManager extends AsyncDisposable {
  /** The name of the master key that wraps from now on. */
  readonly currentKey: string
  wrap(plain: Buffer, context: string): Promise<WrappedKey>
  /** Under any master key that is still there. Throws an Error for what was altered. */
  unwrap(key: WrappedKey, context: string): Promise<Buffer>
}
