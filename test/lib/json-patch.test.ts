import fc from 'fast-check'
import { expect, test } from 'vitest'
import { applyPatch, PatchMisfit, type PatchOperation } from '../../src/lib/json-patch.ts'

const document = { a: { b: [1, 2, 3] }, 'x/y': 1, 'm~n': 2, '': 'empty', list: [{ deep: true }] }
const patch = (...operations: PatchOperation[]) => applyPatch(document, operations, 1_000)

test('each operation does what RFC 6902 says, and the document itself stays as it is', () => {
  const before = structuredClone(document)
  const a = (b: unknown) => ({ ...document, a: { b } })
  expect(patch({ op: 'add', path: '/a/b/1', value: 9 })).toEqual(a([1, 9, 2, 3]))
  expect(patch({ op: 'add', path: '/a/b/-', value: 9 })).toEqual(a([1, 2, 3, 9]))
  expect(patch({ op: 'add', path: '/a/b/3', value: 9 })).toEqual(a([1, 2, 3, 9]))
  expect(patch({ op: 'add', path: '/a/b', value: null })).toEqual(a(null))
  expect(patch({ op: 'remove', path: '/a/b/0' })).toEqual(a([2, 3]))
  expect(patch({ op: 'replace', path: '/a/b/2', value: 9 })).toEqual(a([1, 2, 9]))
  expect(patch({ op: 'move', from: '/a/b/0', path: '/a/b/2' })).toEqual(a([2, 3, 1]))
  expect(patch({ op: 'move', from: '/a', path: '/a' })).toEqual(document)
  expect(patch({ op: 'copy', from: '/list/0/deep', path: '/a/b/0' })).toEqual(a([true, 1, 2, 3]))
  expect(patch({ op: 'replace', path: '/x~1y', value: 9 })).toEqual({ ...document, 'x/y': 9 })
  expect(patch({ op: 'replace', path: '/m~0n', value: 9 })).toEqual({ ...document, 'm~n': 9 })
  expect(patch({ op: 'replace', path: '/', value: 9 })).toEqual({ ...document, '': 9 })
  expect(patch({ op: 'replace', path: '', value: 9 })).toEqual(9)
  expect(patch({ op: 'test', path: '/a', value: { b: [1, 2, 3] } })).toEqual(document)
  expect(patch({ op: 'add', path: '/constructor', value: 9 })).toEqual({
    ...document,
    constructor: 9,
  })
  expect(document).toEqual(before)
})

test('a copy is a value of its own', () => {
  const twice = patch(
    { op: 'copy', from: '/a', path: '/c' },
    { op: 'add', path: '/c/b/0', value: 0 },
  )
  expect(twice).toEqual({ ...document, c: { b: [0, 1, 2, 3] } })
})

const misfits: [PatchOperation, RegExp][] = [
  [{ op: 'add', path: '/a/b/4', value: 1 }, /finds nothing at "\/a\/b\/4"/],
  [{ op: 'add', path: '/a/b/01', value: 1 }, /finds nothing/],
  [{ op: 'add', path: '/a/b/-1', value: 1 }, /finds nothing/],
  [{ op: 'add', path: '/a/b/length', value: 1 }, /finds nothing/],
  [{ op: 'add', path: '/nothing/here', value: 1 }, /finds nothing at "\/nothing"/],
  [{ op: 'add', path: '/x~1y/here', value: 1 }, /finds nothing at "\/x~1y"/],
  [{ op: 'add', path: '/c' }, /needs a value/],
  [{ op: 'add', path: '/__proto__', value: {} }, /names a key "__proto__"/],
  [{ op: 'add', path: '/__proto__/x', value: 1 }, /finds nothing/],
  [{ op: 'add', path: '/toString/x', value: 1 }, /finds nothing/],
  [{ op: 'add', path: '/a/b/push/x', value: 1 }, /finds nothing/],
  [{ op: 'remove', path: '/a/b/3' }, /finds nothing/],
  [{ op: 'remove', path: '/toString' }, /finds nothing/],
  [{ op: 'replace', path: '/a/b/length', value: 4e9 }, /finds nothing/],
  [{ op: 'replace', path: '/c', value: 1 }, /finds nothing/],
  [{ op: 'move', path: '/c' }, /needs a from/],
  [{ op: 'move', from: '/a', path: '/a/b/0' }, /cannot move a value into itself/],
  [{ op: 'copy', from: '/c', path: '/d' }, /finds nothing at "\/c"/],
  [{ op: 'test', path: '/a', value: { b: [1, 2] } }, /finds another value/],
  [{ op: 'test', path: '/x~1y', value: '1' }, /finds another value/],
]

test.each(misfits)('%j does not fit', (operation, message) => {
  const fits: PatchOperation = { op: 'test', path: '/x~1y', value: 1 }
  expect(() => patch(fits, operation)).toThrow(message)
  expect(() => patch(fits, operation)).toThrow(expect.objectContaining({ index: 1 }))
})

test('copies make nothing larger than allowed', () => {
  const copies = Array.from({ length: 1_000 }, (_, index): PatchOperation => ({
    op: 'copy',
    from: '',
    path: `/${index}`,
  }))
  expect(() => applyPatch({}, copies, 65_536)).toThrow('makes more than 65536 bytes of it')
})

/** The document patched, or the name of the only error that may be. */
function patchOrName(before: unknown, operations: readonly PatchOperation[]): unknown {
  try {
    return applyPatch(before, operations, 10_000)
  } catch (error) {
    if (error instanceof PatchMisfit) return error.name
    throw error
  }
}

test('whatever the operations are, nothing that objects share is changed', () => {
  const name = fc.constantFrom(
    'a',
    'b',
    '0',
    '-',
    '__proto__',
    'constructor',
    'prototype',
    'length',
  )
  const pointer = fc.array(name, { maxLength: 4 }).map((names) => ['', ...names].join('/'))
  const op = fc.constantFrom(...(['add', 'remove', 'replace', 'move', 'copy', 'test'] as const))
  const value = fc.constantFrom<unknown>(1, {}, { a: [] }, [1, [2]])
  const operation = fc.record({ op, path: pointer, from: pointer, value })
  const names = () =>
    [Object.prototype, Array.prototype, Object, Function.prototype].map((one) =>
      Reflect.ownKeys(one),
    )
  const before = names()
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 8 }), (operations) => {
      const patched = patchOrName({ a: { b: [1] }, b: 'text' }, operations)
      // What is left is JSON, to the last member.
      expect(JSON.parse(JSON.stringify(patched) ?? 'null')).toEqual(patched ?? null)
      expect(names()).toEqual(before)
    }),
    { numRuns: 5_000 },
  )
})
