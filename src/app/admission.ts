import { LRUCache } from 'lru-cache'
import { createPace } from './pace.ts'

/**
 * A burst may wait so long, and twice as long before it is refused after all: within the time of a request.
 * A process that has just begun is slow for a moment, and clients of one that has gone come all at once.
 */
const usualPatienceMs = 4_000
/** When somebody has waited all the time for so long it is no burst, and waiting helps nobody. */
const burstMs = 2_000
/** How long newcomers may have to wait then; and how long nobody begins until everybody is refused sooner. */
const shortPatienceMs = 500
/** So many may always wait. */
const shortLine = 256
/** Operations under way: what they hold in memory must fit. One tenant may have half of them. */
const maxUnderWay = 1_024
const maxUnderWayOfTenant = maxUnderWay / 2
/** How soon it is seen that PostgreSQL, or a tenant, has room again. */
const lookAgainMs = 2
/**
 * The event loop accepts one connection in a turn, and who is to be refused wants to hear it soon: for so
 * many turns newcomers come before the next operation.
 */
const maxTurnsOfNewcomers = 64

/**
 * Decides who begins. The process computes on one thread, so work begun faster than it can be ended only
 * makes everybody wait: one operation begins in a turn of the event loop, after what has come from the
 * stores has been dealt with, and none while PostgreSQL is crowded. The others stand in a line for each
 * tenant, and the lines take turns. What waits for a store takes no turn from anybody, so hundreds may.
 * Refused is who comes to a line that is too long, which is the line of those who ask for more than their
 * share.
 */
export interface Admission {
  /**
   * True when the operation may begin; false when it is refused, or when nobody waits for it any more.
   * Whose it is must be told without looking into the token: strangers share a line.
   */
  turn(authorization: string | undefined, signal: AbortSignal): boolean | Promise<boolean>
  /** Whether who came with it now would be refused: told before anything is done for them. */
  refuses(authorization: string | undefined): boolean
  /** Whoever comes with it from now on stands in this tenant's line. */
  recognize(authorization: string | undefined, tenantId: string): void
  /** Somebody has come who has not asked for anything yet. */
  greet(): void
  /** Counts an operation of the tenant as under way until it is disposed. */
  hold(tenantId: string): Disposable
}

interface Waiter {
  readonly since: number
  answer(mayBegin: boolean): void
}

interface Line {
  /** In the order in which they came. */
  readonly waiters: Set<Waiter>
  /** Whether the first of them had waited too long when last looked at. */
  isLate: boolean
}

const emptyLine: Line = { waiters: new Set(), isLate: false }

export interface AdmissionOptions {
  /** Whether what everybody needs has no room. */
  isCrowded: () => boolean
  patienceMs?: number
}

export function createAdmission(options: AdmissionOptions): Admission {
  const { isCrowded, patienceMs = usualPatienceMs } = options
  const bearers = new LRUCache<string, string>({ max: 10_000 })
  const underWay = new Map<string, number>()
  let total = 0
  /** Those in which somebody waits; whose turn is next comes first. */
  const lines = new Map<string, Line>()
  const pace = createPace()
  /** Nobody begins before `advance` has run. */
  let isArmed = false
  let lastBegunAt = 0
  /** Since when somebody has been waiting, whoever it was. */
  let waitingSince = 0
  /** Whether nothing moved when last looked at, because PostgreSQL has no room: who knows when that is over. */
  let isStuck = false
  /** Whether somebody came in this turn of the event loop, and in how many before it since the last began. */
  let hasNewcomer = false
  let turnsOfNewcomers = 0

  const mayBegin = (name: string) => (underWay.get(name) ?? 0) < maxUnderWayOfTenant
  const isFull = () => total >= maxUnderWay || isCrowded()
  const shortest = Math.min(shortPatienceMs, patienceMs)
  /** Of whoever waits, and of whoever comes. */
  const patience = () => (isStuck ? shortest : patienceMs)
  const welcome = (now: number) => (now - waitingSince > burstMs ? shortest : patience())
  /** The lines take turns: before the newcomer comes everybody in this one, and as many of each other one. */
  const isTooLong = ({ waiters, isLate }: Line = emptyLine) => {
    const before = (waiters.size + 1) * lines.size
    return before > shortLine && (isLate || before * pace.ms() > welcome(performance.now()))
  }
  /** Who has waited twice as long is refused after all: it could not be known when they came. */
  const refuseLate = (line: Line, now: number) => {
    for (const { since, answer } of line.waiters) {
      line.isLate = now - since > patience()
      if (now - since < 2 * patience()) return
      answer(false)
    }
  }
  const arm = (schedule: (next: () => void) => void) => {
    if (!isArmed) schedule(advance)
    isArmed = true
  }

  const advance = () => {
    isArmed = false
    if (hasNewcomer && lines.size > 0 && turnsOfNewcomers < maxTurnsOfNewcomers) {
      hasNewcomer = false
      turnsOfNewcomers++
      return arm(setImmediate)
    }
    turnsOfNewcomers = 0
    const now = performance.now()
    const hasRoom = !isFull()
    isStuck = !hasRoom && now - lastBegunAt > shortPatienceMs
    const name = hasRoom ? lines.keys().find(mayBegin) : undefined
    const line = name === undefined ? undefined : lines.get(name)
    if (name !== undefined && line) begin(name, line, now)
    else for (const each of lines.values()) refuseLate(each, now)
    if (lines.size > 0) arm(line ? setImmediate : (next) => setTimeout(next, lookAgainMs))
  }

  const begin = (name: string, line: Line, now: number) => {
    refuseLate(line, now)
    const [first] = line.waiters
    if (!first) return
    pace.note(now)
    lastBegunAt = now
    arm(setImmediate)
    first.answer(true)
    // To the end of the round.
    if (lines.delete(name)) lines.set(name, line)
  }

  const wait = (name: string, signal: AbortSignal) => {
    const since = performance.now()
    if (lines.size === 0) {
      pace.resume(since)
      waitingSince = since
    }
    const line = lines.get(name) ?? { waiters: new Set(), isLate: false }
    lines.set(name, line)
    arm(setImmediate)
    return new Promise<boolean>((resolve) => {
      const leave = () => waiter.answer(false)
      const waiter: Waiter = {
        since,
        answer(may) {
          line.waiters.delete(waiter)
          if (line.waiters.size === 0) lines.delete(name)
          signal.removeEventListener('abort', leave)
          resolve(may)
        },
      }
      line.waiters.add(waiter)
      signal.addEventListener('abort', leave)
    })
  }

  const refuses = (authorization = '') => {
    hasNewcomer = true
    return lines.size > 0 && isTooLong(lines.get(bearers.get(authorization) ?? ''))
  }

  return {
    refuses,
    turn(authorization = '', signal) {
      if (refuses(authorization)) return false
      const name = bearers.get(authorization) ?? ''
      if (isArmed || isFull() || !mayBegin(name)) return wait(name, signal)
      arm(setImmediate)
      lastBegunAt = performance.now()
      return true
    },
    greet: () => void (hasNewcomer = true),
    recognize: (authorization = '', tenantId) => void bearers.set(authorization, tenantId),
    hold(name) {
      total++
      underWay.set(name, (underWay.get(name) ?? 0) + 1)
      return {
        [Symbol.dispose]() {
          total--
          const left = (underWay.get(name) ?? 0) - 1
          if (left > 0) underWay.set(name, left)
          else underWay.delete(name)
        },
      }
    },
  }
}
