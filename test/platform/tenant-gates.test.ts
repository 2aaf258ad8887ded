import { expect, test } from 'vitest'
import { createTenantGates } from '../../src/platform/tenant-gates.ts'

const signal = new AbortController().signal

test('a tenant that takes all its places keeps nobody else waiting', async () => {
  const gates = createTenantGates({ neighbour: 'BigQuery', atOnce: 2, waiting: 1 })
  const held = Promise.withResolvers<void>()
  let running = 0
  const work = async () => {
    running++
    await held.promise
  }
  const busy = Array.from({ length: 3 }, () => gates.run('busy', signal, work))

  await expect(gates.run('busy', signal, work)).rejects.toMatchObject({ failure: 'overloaded' })
  expect(await gates.run('other', signal, async () => 'done')).toBe('done')
  expect(running).toBe(2)
  held.resolve()
  await Promise.all(busy)
  expect(running).toBe(3)
})

test('who leaves while waiting gives up the place, and a failure frees its own', async () => {
  const gates = createTenantGates({ neighbour: 'BigQuery', atOnce: 1, waiting: 1 })
  const held = Promise.withResolvers<void>()
  const first = gates.run('one', signal, () => held.promise)
  const leaving = new AbortController()
  const second = gates.run('one', leaving.signal, async () => 'never')
  leaving.abort(new Error('left'))

  await expect(second).rejects.toThrow('left')
  const third = gates.run('one', signal, async () => 'third')
  held.reject(new Error('broken'))
  await expect(first).rejects.toThrow('broken')
  expect(await third).toBe('third')
})
