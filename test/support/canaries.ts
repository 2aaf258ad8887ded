import { randomBytes } from 'node:crypto'

/** In every secret that tests make up, and nowhere else. */
const mark = 'cnry7f3'

/** Secrets that cannot be chosen, e.g. signatures. */
const others = new Set<string>()

/** A secret for a test, recognisable wherever it turns up; its last four characters are random. */
export function canary(name: string): string {
  return `sk-${mark}-${name}-${randomBytes(12).toString('hex')}`
}

/** Makes a secret known that somebody else has made up. */
export function watchSecret(secret: string): void {
  if (secret.length < 16) throw new Error('a shorter secret would be found by chance')
  others.add(secret)
}

/** What a leak looks like: the mark as it is, in hex, and in base64 wherever in a text it began. */
export function tracesOfSecrets(): string[] {
  const bytes = Buffer.from(mark)
  const inBase64 = ['', '-', '--'].map((shift) =>
    // Without the characters that also depend on what stands around it.
    Buffer.from(shift + mark)
      .toString('base64')
      .replaceAll('=', '')
      .slice(shift.length === 0 ? 0 : shift.length + 1, -1),
  )
  return [mark, bytes.toString('hex'), ...inBase64, ...others]
}

/** Throws if `text` has a secret in it; the message tells where, and not which. */
export function expectNoCanaries(text: string, where: string): void {
  const found = tracesOfSecrets().find((trace) => text.includes(trace))
  if (found === undefined) return
  const at = text.indexOf(found)
  const around = text.slice(Math.max(0, at - 80), at)
  throw new Error(`A secret got out: ${where}, after "${around}"`)
}
