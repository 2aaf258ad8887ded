import { setImmediate as turn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { SharedFlights } from '../../src/lib/shared-flights.ts'

test('who asks at once shares one answer, who comes later the next', async () => {
  const flights = new SharedFlights()
  const begun: PromiseWithResolvers<number>[] = []
  const ask = () => {
    const flight = Promise.withResolvers<number>()
    begun.push(flight)
    return flight.promise
  }
  const share = (count: number) => Array.from({ length: count }, () => flights.share('key', ask))
  const first = share(50)
  await turn()
  await turn()
  expect(begun).toHaveLength(1)
  // The answer under way may be older than what woke these.
  const second = [...share(50), flights.share('key', ask)]
  await turn()
  expect(begun).toHaveLength(1)
  begun[0]?.resolve(1)
  expect(new Set(await Promise.all(first))).toEqual(new Set([1]))
  await turn()
  await turn()
  expect(begun).toHaveLength(2)
  begun[1]?.resolve(2)
  expect(new Set(await Promise.all(second))).toEqual(new Set([2]))
})

test('a failure is shared and forgotten, and keys do not wait for each other', async () => {
  const flights = new SharedFlights()
  const failing = () => Promise.reject(new Error('away'))
  const failed = [flights.share('key', failing), flights.share('key', failing)]
  await expect(Promise.all(failed)).rejects.toThrow('away')
  await expect(failed[1]).rejects.toThrow('away')
  const stuck = flights.share('stuck', () => new Promise<never>(() => {}))
  expect(await flights.share('key', () => Promise.resolve('there'))).toBe('there')
  expect(await Promise.race([stuck, turn('waiting')])).toBe('waiting')
})
