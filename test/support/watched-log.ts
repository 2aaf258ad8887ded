import pino from 'pino'
import { createLog, type Log } from '../../src/platform/log.ts'
import { expectNoCanaries } from './canaries.ts'

/** The log of a gateway under test; disposing fails if a secret came into it. */
export interface WatchedLog extends Disposable {
  log: Log
  failures: Failure[]
}

/** A line of level `error`. */
export interface Failure {
  msg: string
  requestId?: string
  err?: { message: string; stack: string }
}

const errorLevel = 50

/** Is told everything, whatever `level` says; that only decides what is shown. */
export function createWatchedLog(level: string): WatchedLog {
  const shownFrom = pino.levels.values[level] ?? Number.POSITIVE_INFINITY
  const leaks: unknown[] = []
  const failures: Failure[] = []
  const write = (line: string) => {
    try {
      expectNoCanaries(line, 'the log')
    } catch (error) {
      leaks.push(error)
    }
    const record = JSON.parse(line) as Failure & { level: number }
    if (record.level >= errorLevel) failures.push(record)
    if (record.level >= shownFrom) process.stdout.write(line)
  }
  return {
    log: createLog('debug', { write }),
    failures,
    [Symbol.dispose]() {
      if (leaks.length > 0) throw leaks[0]
    },
  }
}
