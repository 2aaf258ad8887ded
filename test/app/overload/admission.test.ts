import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises'
import { expect, test, vi } from 'vitest'
import { createAdmission } from '../../../src/app/admission.ts'

const never = new AbortController().signal

/** An admission, who has begun and who was refused, by their tokens. */
function open({ patienceMs = 500 } = {}) {
  const state = { isCrowded: false, places: 0 }
  const isCrowded = () => state.isCrowded && state.places-- <= 0
  const admission = createAdmission({ isCrowded, patienceMs })
  const begun: string[] = []
  const refused: string[] = []
  const ask = async (token: string, signal = never) => {
    const into = (await admission.turn(token, signal)) ? begun : refused
    into.push(token)
  }
  const askAll = (token: string, count: number) =>
    Promise.all(Array.from({ length: count }, () => ask(token)))
  return { admission, state, begun, refused, ask, askAll }
}

test('one operation begins in a turn of the event loop', async () => {
  const { begun, askAll } = open()
  const asked = askAll('a', 20)
  const seen: number[] = []
  while (begun.length < 20) {
    await turn()
    seen.push(begun.length)
  }
  await asked
  expect(seen.every((count, index) => index === 0 || count - (seen[index - 1] ?? 0) <= 1)).toBe(
    true,
  )
})

test('who asks for little is not kept waiting by who asks for much', async () => {
  const { admission, begun, ask, askAll } = open()
  for (const token of ['a', 'b']) admission.recognize(token, `tenant of ${token}`)
  const many = askAll('a', 200)
  const one = ask('b')
  await one
  expect(begun.length).toBeLessThanOrEqual(4)
  await many
  expect(begun).toHaveLength(201)
})

test('tokens of one tenant share a line, and so do those of strangers', async () => {
  const { admission, begun, ask, askAll } = open()
  for (const token of ['a1', 'a2']) admission.recognize(token, 'a')
  const asked = [askAll('a1', 50), askAll('a2', 50), askAll('x', 50), askAll('y', 50), ask('z')]
  await Promise.all(asked)
  // Two lines, so a half of the first hundred is of the tenant.
  const ofTenant = begun.slice(0, 100).filter((token) => token.startsWith('a'))
  expect(ofTenant.length).toBeGreaterThanOrEqual(48)
  expect(ofTenant.length).toBeLessThanOrEqual(52)
})

test('while there is no room nobody begins; who has waited a second is refused, and who comes to a late line at once', async () => {
  const { state, begun, refused, askAll, ask } = open()
  state.isCrowded = true
  const startedAt = performance.now()
  const asked = askAll('a', 300)
  await delay(700)
  expect(refused).toHaveLength(0)
  await ask('a')
  expect(refused).toHaveLength(1)
  await asked
  const ms = performance.now() - startedAt
  expect(begun).toHaveLength(0)
  expect(refused).toHaveLength(301)
  expect(ms).toBeGreaterThanOrEqual(1_000)

  state.isCrowded = false
  await askAll('a', 100)
  expect(begun).toHaveLength(100)
})

test('where few begin only 256 may wait', async () => {
  const { state, begun, refused, askAll } = open()
  state.isCrowded = true
  // Lets one in each time, so that the last would have to wait for seconds.
  const door = setInterval(() => (state.places = 1), 20)
  const first = askAll('a', 40)
  await vi.waitUntil(() => begun.length >= 10)
  const waiting = 40 - begun.length
  const others = askAll('a', 600)
  clearInterval(door)
  state.isCrowded = false
  await Promise.all([first, others])
  expect(refused).toHaveLength(600 - (256 - waiting))
  expect(begun).toHaveLength(40 + 256 - waiting)
})

test('a line that lasts is no burst: newcomers may not have to wait for long then', async () => {
  vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'setInterval', 'setImmediate'] })
  try {
    const { state, begun, refused, askAll } = open({ patienceMs: 60_000 })
    state.isCrowded = true
    setInterval(() => (state.places = 1), 20)
    void askAll('a', 900)
    await vi.advanceTimersByTimeAsync(1_500)
    void askAll('a', 100)
    expect(refused).toHaveLength(0)
    await vi.advanceTimersByTimeAsync(2_000)
    void askAll('a', 100)
    await vi.advanceTimersByTimeAsync(0)
    expect(refused).toHaveLength(100)
    await vi.advanceTimersByTimeAsync(20_000)
    expect(begun).toHaveLength(1_000)
  } finally {
    vi.useRealTimers()
  }
})

test('where many begin hundreds may wait', async () => {
  const { begun, askAll } = open()
  await askAll('a', 100)
  await askAll('a', 300)
  expect(begun).toHaveLength(400)
})

test('who leaves does not begin, and keeps nobody waiting', async () => {
  const { state, begun, refused, ask } = open()
  state.isCrowded = true
  const leaving = new AbortController()
  const gone = Array.from({ length: 10 }, () => ask('a', leaving.signal))
  const staying = ask('b')
  leaving.abort()
  await Promise.all(gone)
  expect(refused).toHaveLength(10)
  state.isCrowded = false
  await staying
  expect(begun).toEqual(['b'])
})

test('a tenant has at most 512 operations under way; another one begins all the same', async () => {
  const { admission, begun, ask } = open()
  for (const token of ['a', 'b']) admission.recognize(token, token)
  const held = Array.from({ length: 512 }, () => admission.hold('a'))
  const waiting = ask('a')
  await ask('b')
  expect(begun).toEqual(['b'])
  held[0]?.[Symbol.dispose]()
  await waiting
  expect(begun).toEqual(['b', 'a'])
})
