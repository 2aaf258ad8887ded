import { DatabaseSync } from 'node:sqlite'
import { setTimeout as delay } from 'node:timers/promises'

const retryMs = 50
const sqliteBusy = 5

/**
 * Waits until no other process holds `file`. It is SQLite's lock, kept by the operating system for
 * as long as this process lives: however it dies, nothing stale stays behind.
 */
export async function acquireLock(file: string, signal: AbortSignal): Promise<Disposable> {
  const database = new DatabaseSync(file, { timeout: 0 })
  try {
    while (!tryLock(database)) await delay(retryMs, undefined, { signal })
  } catch (error) {
    database.close()
    throw error
  }
  return { [Symbol.dispose]: () => database.close() }
}

function tryLock(database: DatabaseSync): boolean {
  try {
    database.exec('begin exclusive')
    return true
  } catch (error) {
    if ((error as { errcode?: number }).errcode === sqliteBusy) return false
    throw error
  }
}
