import pino from 'pino'
import { createLog, type Log } from '../../src/platform/log.ts'
import { expectNoCanaries } from './canaries.ts'

/** The log of a gateway under test; disposing fails if a secret came into it. */
export interface WatchedLog extends Disposable {
  log: Log
}

/** Is told everything, whatever `level` says; that only decides what is shown. */
export function createWatchedLog(level: string): WatchedLog {
  const shownFrom = pino.levels.values[level] ?? Number.POSITIVE_INFINITY
  const leaks: unknown[] = []
  const write = (line: string) => {
    try {
      expectNoCanaries(line, 'the log')
    } catch (error) {
      leaks.push(error)
    }
    const { level: own } = JSON.parse(line) as { level: number }
    if (own >= shownFrom) process.stdout.write(line)
  }
  return {
    log: createLog('debug', { write }),
    [Symbol.dispose]() {
      if (leaks.length > 0) throw leaks[0]
    },
  }
}
