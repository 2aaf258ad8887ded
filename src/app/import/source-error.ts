/** A file that cannot be imported as it is; the message says why, to whoever can mend it. */
export class SourceError extends Error {
  override readonly name = 'SourceError'
}
