import { mkdtempDisposable, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, test, vi } from 'vitest'
import { createThread, type ThreadOptions } from '../../src/platform/thread.ts'

/** Answers with its thread's number; `hang` never, `throw` not at all. */
const program = `
  import { parentPort, threadId } from 'node:worker_threads'
  parentPort.on('message', (input) => {
    if (input === 'throw') throw new Error('thrown there')
    while (input === 'hang');
    parentPort.postMessage(threadId)
  })`

async function startThread(options: Partial<ThreadOptions> = {}) {
  const folder = await mkdtempDisposable(join(tmpdir(), 'thread-'))
  const file = join(folder.path, 'program.mjs')
  await writeFile(file, program)
  const thread = createThread<string, number>(pathToFileURL(file), {
    timeoutMs: 10_000,
    idleMs: 10_000,
    ...options,
  })
  return { thread, [Symbol.asyncDispose]: () => folder.remove() }
}

test('jobs take their turn in one thread', async () => {
  await using started = await startThread()
  const answers = await Promise.all(['a', 'b', 'c'].map((input) => started.thread.run(input)))
  expect(new Set(answers).size).toBe(1)
})

test('a job that throws fails alone', async () => {
  await using started = await startThread()
  const jobs = ['a', 'throw', 'b'].map((input) => started.thread.run(input))
  const [first, failed, last] = await Promise.allSettled(jobs)
  expect(failed).toMatchObject({ status: 'rejected', reason: { message: 'thrown there' } })
  expect([first?.status, last?.status]).toEqual(['fulfilled', 'fulfilled'])
})

test('a job that takes too long is ended, and the next one has a thread of its own', async () => {
  await using started = await startThread({ timeoutMs: 1_000 })
  const before = await started.thread.run('a')
  const jobs = ['hang', 'b'].map((input) => started.thread.run(input))
  const [hung, next] = await Promise.allSettled(jobs)
  expect(hung).toMatchObject({ status: 'rejected' })
  expect(next).toMatchObject({ status: 'fulfilled' })
  expect(next?.status === 'fulfilled' && next.value).not.toBe(before)
})

test('who leaves gets the reason at once, and a job that waited is never begun', async () => {
  await using started = await startThread({ timeoutMs: 1_000 })
  const controller = new AbortController()
  const running = started.thread.run('hang').catch((error: unknown) => error)
  const waiting = started.thread.run('hang', controller.signal)
  controller.abort(new Error('left'))
  await expect(waiting).rejects.toThrow('left')
  await expect(started.thread.run('a', controller.signal)).rejects.toThrow('left')
  expect(await running).toBeInstanceOf(Error)
  await expect(started.thread.run('b')).resolves.toEqual(expect.any(Number))
})

test('a thread without jobs ends; the next job starts another', async () => {
  await using started = await startThread({ idleMs: 1 })
  const first = await started.thread.run('a')
  await vi.waitFor(async () => expect(await started.thread.run('b')).not.toBe(first))
})
