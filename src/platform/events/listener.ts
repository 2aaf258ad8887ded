import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import type { Log } from '../log.ts'

/** The first repeat comes at once, for a connection that was merely cut. */
const firstPauseMs = 50
const maxPauseMs = 2_000

export interface ListenerOptions {
  url: string
  channel: string
  log: Log
  onNotice: (payload: string) => void
  /** Something may have been missed: the connection is new. */
  onGap: () => void
}

/**
 * Hears what is notified on a channel, on a connection of its own, until disposed. Begins although
 * PostgreSQL is away, and connects again whenever the connection is lost.
 */
export function startListener(options: ListenerOptions): AsyncDisposable {
  const stop = new AbortController()
  const ended = keepListening(options, stop.signal)
  return {
    async [Symbol.asyncDispose]() {
      stop.abort()
      await ended
    },
  }
}

async function keepListening(options: ListenerOptions, signal: AbortSignal): Promise<void> {
  let pauseMs = firstPauseMs
  while (!signal.aborted) {
    const heard = await listen(options, signal)
    if (signal.aborted) return
    pauseMs = heard ? firstPauseMs : Math.min(pauseMs * 2, maxPauseMs)
    await delay(pauseMs, undefined, { signal }).catch(() => {})
  }
}

/** One connection from its beginning to its end; answers whether it ever listened. */
async function listen(options: ListenerOptions, signal: AbortSignal): Promise<boolean> {
  const { url, channel, log, onNotice, onGap } = options
  const client = new pg.Client({
    connectionString: url,
    application_name: 'content-gateway-events',
    connectionTimeoutMillis: 5_000,
    // Nothing is ever sent on it: without this a dead peer would never be noticed.
    keepAlive: true,
    keepAliveInitialDelayMillis: 5_000,
  })
  client.on('notification', ({ payload = '' }) => onNotice(payload))
  let heard = false
  const ended = new Promise<void>((resolve) => client.once('end', resolve))
  // Its end says all; an emitter without a listener for errors would take the process down.
  client.on('error', () => {})
  const hangUp = () => void client.end().catch(() => {})
  signal.addEventListener('abort', hangUp, { once: true })
  try {
    await client.connect()
    await client.query(`listen ${channel}`)
    heard = true
    onGap()
    await ended
  } catch (error) {
    if (!signal.aborted) log.warn({ err: error }, 'cannot listen for events')
    hangUp()
  }
  signal.removeEventListener('abort', hangUp)
  return heard
}
