import { expect, test } from 'vitest'
import { ImportStopped, Persistence, RetryLater } from '../../../src/app/import/persistence.ts'

/** Fails `times` times, then answers. */
function failing(times: number, retryAfterMs = 0) {
  let left = times
  return () =>
    left-- > 0 ? Promise.reject(new RetryLater('away', retryAfterMs)) : Promise.resolve('there')
}

const { signal } = new AbortController()

test('what fails for now is repeated until it succeeds', async () => {
  const waits: string[] = []
  const persistence = new Persistence({
    patienceMs: 60_000,
    signal,
    onWait: (why) => waits.push(why),
  })
  expect(await persistence.run(failing(2))).toBe('there')
  expect(waits).toEqual(['away', 'away'])
})

test('a server that names a time is not asked before it', async () => {
  const startedAt = performance.now()
  await new Persistence({ patienceMs: 60_000, signal }).run(failing(1, 300))
  expect(performance.now() - startedAt).toBeGreaterThanOrEqual(299)
})

test('without any success patience ends; with one it begins anew', async () => {
  const persistence = new Persistence({ patienceMs: 0, signal })
  await expect(persistence.run(failing(1))).rejects.toThrow(
    new ImportStopped('no success for 0 s: away'),
  )
  const patient = new Persistence({ patienceMs: 700, signal })
  const others = setInterval(() => patient.noteSuccess(), 100)
  expect(await patient.run(failing(3))).toBe('there')
  clearInterval(others)
})

test('other failures are thrown on, and an interruption ends the wait', async () => {
  const stop = new AbortController()
  const persistence = new Persistence({ patienceMs: 60_000, signal: stop.signal })
  await expect(persistence.run(() => Promise.reject(new TypeError('bug')))).rejects.toThrow('bug')
  const waiting = persistence.run(failing(9, 60_000))
  stop.abort()
  await expect(waiting).rejects.toThrow('aborted')
})
