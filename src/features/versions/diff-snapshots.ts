import type { Snapshot } from '../content/snapshot.ts'

/** A version and its text. */
export interface ComparedVersion {
  snapshot: Snapshot
  raw: string
}

/** The patch from one version to the other, with the text in place of where it is stored. */
export function patchVersions(before: ComparedVersion, after: ComparedVersion) {
  const whole = ({ snapshot, raw }: ComparedVersion) => ({
    ...fieldsOf(snapshot),
    body: { format: snapshot.body.format, raw },
  })
  return jsonPatch(whole(before), whole(after))
}

/** All of a version but its body, as a text with a line for each value. */
export function printFields(snapshot: Snapshot): string {
  return `${JSON.stringify(fieldsOf(snapshot), null, 2)}\n`
}

function fieldsOf({ title, status, metadata }: Snapshot) {
  return { title, status, metadata }
}

/** An operation of RFC 6902; one who applies it needs no more than these. */
export type JsonPatchOperation =
  | { op: 'add' | 'replace'; path: string; value: unknown }
  | { op: 'remove'; path: string }

/** A patch by members of objects, at any depth; lists and texts are replaced as a whole. */
export function jsonPatch(before: object, after: object, parent = ''): JsonPatchOperation[] {
  const old = new Map<string, unknown>(Object.entries(before))
  const pathOf = (key: string) => `${parent}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`
  const changes = Object.entries(after).flatMap(([key, value]): JsonPatchOperation[] => {
    const path = pathOf(key)
    const previous = old.get(key)
    if (!old.has(key)) return [{ op: 'add', path, value }]
    if (isObject(previous) && isObject(value)) return jsonPatch(previous, value, path)
    return isSame(previous, value) ? [] : [{ op: 'replace', path, value }]
  })
  const removed = [...old.keys()].filter((key) => !Object.hasOwn(after, key))
  return [...changes, ...removed.map((key) => ({ op: 'remove', path: pathOf(key) }) as const)]
}

function isSame(a: unknown, b: unknown): boolean {
  return a === b || (typeof a === typeof b && JSON.stringify(a) === JSON.stringify(b))
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Names of what differs, e.g. `title`, `metadata.tags`, `body`; no text is needed for it. */
export function changedFields(before: Snapshot, after: Snapshot): string[] {
  const paths = jsonPatch(fieldsOf(before), fieldsOf(after)).map(({ path }) => path)
  const names = paths.map((path) => path.slice(1).split('/').slice(0, 2).join('.'))
  if (before.body.sha256 !== after.body.sha256) names.push('body')
  if (before.body.format !== after.body.format) names.push('body.format')
  return [...new Set(names)]
}
