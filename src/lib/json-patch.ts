import { isDeepStrictEqual } from 'node:util'

/** An operation of a JSON Patch (RFC 6902). */
export interface PatchOperation {
  op: 'add' | 'remove' | 'replace' | 'move' | 'copy' | 'test'
  path: string
  from?: string | undefined
  value?: unknown
}

/** An operation that could not be applied. */
export class PatchMisfit extends Error {
  override readonly name = 'PatchMisfit'
  readonly index: number

  constructor(index: number, message: string) {
    super(message)
    this.index = index
  }
}

/** Holds the document under the empty name, so that its root is a place like any other. */
type Root = Record<string, unknown>

/**
 * The document as the operations make it; throws PatchMisfit at the first that does not fit. Pointers
 * see what objects and lists hold themselves, never what they inherit. Copies double a document, so
 * none may make it larger than `maxBytes` as JSON.
 */
export function applyPatch(
  document: unknown,
  operations: readonly PatchOperation[],
  maxBytes: number,
): unknown {
  const root: Root = { '': structuredClone(document) }
  for (const [index, operation] of operations.entries()) {
    const problem = apply(root, operation) ?? tooLarge(root, operation, maxBytes)
    if (problem !== undefined) throw new PatchMisfit(index, problem)
  }
  return root['']
}

/** Applies one operation, or says why it does not fit. */
function apply(root: Root, { op, path, from, value }: PatchOperation): string | undefined {
  if (op === 'move' || op === 'copy') return transfer(root, op, from, path)
  if (op === 'remove') return remove(root, path)
  if (value === undefined) return 'needs a value'
  if (op === 'add') return insert(root, path, structuredClone(value))
  const current = read(root, path)
  if (current === undefined) return nothingAt(path)
  if (op === 'replace') return replace(root, path, structuredClone(value))
  return isDeepStrictEqual(current, structuredClone(value)) ? undefined : `finds another value`
}

function transfer(
  root: Root,
  op: 'move' | 'copy',
  from: string | undefined,
  path: string,
): string | undefined {
  if (from === undefined) return 'needs a from'
  const value = read(root, from)
  if (value === undefined) return nothingAt(from)
  if (op === 'copy') return insert(root, path, structuredClone(value))
  if (path === from) return undefined
  if (path.startsWith(`${from}/`)) return 'cannot move a value into itself'
  return remove(root, from) ?? insert(root, path, value)
}

function tooLarge(root: Root, { op }: PatchOperation, maxBytes: number): string | undefined {
  if (op !== 'copy' || Buffer.byteLength(JSON.stringify(root[''])) <= maxBytes) return undefined
  return `makes more than ${maxBytes} bytes of it`
}

function nothingAt(pointer: string): string {
  return `finds nothing at "${pointer}"`
}

/** The container that a pointer leads to, and the name of the place in it. */
function placeOf(root: Root, pointer: string): { parent: unknown; key: string } {
  const names = pointer.split('/').map((name) => name.replaceAll('~1', '/').replaceAll('~0', '~'))
  const key = names.pop() ?? ''
  return { parent: names.reduce<unknown>(memberOf, root), key }
}

const listIndex = /^(0|[1-9]\d*)$/

/** A list's length and an object's methods are no members. */
function memberOf(container: unknown, key: string): unknown {
  if (Array.isArray(container)) return listIndex.test(key) ? container[Number(key)] : undefined
  return isObject(container) && Object.hasOwn(container, key) ? container[key] : undefined
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

function read(root: Root, pointer: string): unknown {
  const { parent, key } = placeOf(root, pointer)
  return memberOf(parent, key)
}

function insert(root: Root, pointer: string, value: unknown): string | undefined {
  const { parent, key } = placeOf(root, pointer)
  if (!Array.isArray(parent)) return assign(parent, key, value, pointer)
  const index = key === '-' ? parent.length : Number(key)
  if (!(key === '-' || listIndex.test(key)) || index > parent.length) return nothingAt(pointer)
  parent.splice(index, 0, value)
  return undefined
}

function assign(parent: unknown, key: string, value: unknown, pointer: string) {
  if (!isObject(parent)) return nothingAt(pointer.slice(0, pointer.lastIndexOf('/')))
  if (key === '__proto__') return 'names a key "__proto__"'
  parent[key] = value
  return undefined
}

/** What is there already. */
function replace(root: Root, pointer: string, value: unknown): string | undefined {
  const { parent, key } = placeOf(root, pointer)
  return assign(parent, key, value, pointer)
}

function remove(root: Root, pointer: string): string | undefined {
  const { parent, key } = placeOf(root, pointer)
  if (memberOf(parent, key) === undefined) return nothingAt(pointer)
  if (Array.isArray(parent)) parent.splice(Number(key), 1)
  else if (isObject(parent)) delete parent[key]
  return undefined
}
