import { StartupError } from '../../lib/errors.ts'
import type { Log } from '../log.ts'
import { createBoss, startBoss } from './boss.ts'
import { queueOptions } from './ring-sql.ts'

/** The worker's side of the queue. */
export interface Queue extends AsyncDisposable {
  /** Settles at the next ring that is heard; to miss none, ask before looking for a message. */
  nextRing(): Promise<void>
  /** Takes one message away; undefined where none waits. Throws when PostgreSQL is away. */
  take(name: string): Promise<{ data: unknown } | undefined>
}

/**
 * Opens the queue; while PostgreSQL is away it opens with the first message that is taken instead.
 * Throws StartupError when its schema is missing or not the one that this version needs.
 */
export async function openQueue(databaseUrl: string, log: Log): Promise<Queue> {
  await using opened = new AsyncDisposableStack()
  const boss = createBoss(databaseUrl, log)
  let ring = Promise.withResolvers<void>()
  const onRing = () => {
    ring.resolve()
    ring = Promise.withResolvers()
  }
  let opening: Promise<AsyncDisposable> | undefined
  /** Whoever comes while it opens waits for the same attempt; after a failure the next tries again. */
  const open = () => {
    opening ??= startBoss(boss, onRing).catch((error: unknown) => {
      opening = undefined
      throw error
    })
    return opening
  }
  opened.defer(async () => {
    const listening = await opening?.catch(() => undefined)
    await listening?.[Symbol.asyncDispose]()
    await boss.stop({ graceful: false })
  })
  await open().catch((error: unknown) => {
    if (error instanceof StartupError) throw error
    log.warn({ err: error }, 'the task queue is away')
  })
  const known = new Set<string>()
  const owned = opened.move()
  return {
    nextRing: () => ring.promise,
    async take(name) {
      await open()
      // After a failure it is created again: the queue itself may be what was lost.
      if (!known.delete(name)) await boss.createQueue(name, queueOptions)
      const [message] = await boss.fetch<unknown>(name)
      if (message) await boss.deleteJob(name, message.id)
      known.add(name)
      return message
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}
