import { diffArrays } from 'diff'
import type { TokenPair } from './tokens.ts'

/** Where two sequences differ: half-open ranges of either, one of them possibly empty. */
export interface Change {
  from: readonly [start: number, end: number]
  to: readonly [start: number, end: number]
}

/** More edits are looked for between anchors only: the search grows with their square. */
const maxEdits = 25
/** What a comparison may still spend, in all its regions together; a million is about 50 ms. */
export interface Effort {
  left: number
}

/**
 * The changes that lead from one sequence to the other, in order. Short of the smallest edit script,
 * which takes too long to find in long texts that differ much: tokens that both sides have exactly
 * once are anchors, and only between them is searched (patience diff). What is still too much when
 * the effort is spent is one change as a whole.
 */
export function alignTokens(
  { from: { numbers: from }, to: { numbers: to }, vocabulary }: TokenPair,
  effort: Effort,
): Change[] {
  const findAnchors = createAnchorFinder(from, to, vocabulary)
  const changes: Change[] = []

  const compare = (region: Change): void => {
    const trimmed = trim(from, to, region)
    const [a, b] = [size(trimmed.from), size(trimmed.to)]
    if (a === 0 && b === 0) return
    if (a === 0 || b === 0 || effort.left <= 0) return void changes.push(trimmed)
    const limit = Math.min(maxEdits, a + b)
    const found = findEdits(from, to, trimmed, limit)
    effort.left -= a + b + (found ? editsIn(found) : limit) ** 2
    if (found) return void changes.push(...found)
    const anchors = findAnchors(trimmed)
    if (anchors.length === 0) return void changes.push(trimmed)
    for (const gap of gapsBetween(trimmed, anchors)) compare(gap)
  }

  compare({ from: [0, from.length], to: [0, to.length] })
  return changes
}

function size([start, end]: readonly [number, number]): number {
  return end - start
}

/** The region without what both sides begin and end with. */
function trim(from: Int32Array, to: Int32Array, region: Change): Change {
  let [a, aEnd] = region.from
  let [b, bEnd] = region.to
  while (a < aEnd && b < bEnd && from[a] === to[b]) {
    a++
    b++
  }
  while (a < aEnd && b < bEnd && from[aEnd - 1] === to[bEnd - 1]) {
    aEnd--
    bEnd--
  }
  return { from: [a, aEnd], to: [b, bEnd] }
}

/** The smallest edit script of a region, unless it takes more than `limit` edits. */
function findEdits(
  from: Int32Array,
  to: Int32Array,
  region: Change,
  limit: number,
): Change[] | undefined {
  const before = Array.from(from.subarray(...region.from))
  const after = Array.from(to.subarray(...region.to))
  const runs = diffArrays(before, after, { maxEditLength: limit })
  if (!runs) return undefined
  const changes: Change[] = []
  let [a] = region.from
  let [b] = region.to
  let open = { a, b }
  for (const { added, removed, count } of runs) {
    if (added) b += count
    else if (removed) a += count
    else {
      if (a > open.a || b > open.b) changes.push({ from: [open.a, a], to: [open.b, b] })
      a += count
      b += count
      open = { a, b }
    }
  }
  if (a > open.a || b > open.b) changes.push({ from: [open.a, a], to: [open.b, b] })
  return changes
}

function editsIn(changes: readonly Change[]): number {
  return changes.reduce((sum, change) => sum + size(change.from) + size(change.to), 0)
}

/** A token in the one sequence and its counterpart in the other. */
type Anchor = readonly [a: number, b: number]

/** Tokens that a region has exactly once on either side, as many as stand in the same order. */
function createAnchorFinder(from: Int32Array, to: Int32Array, vocabulary: number) {
  const timesFrom = new Uint8Array(vocabulary)
  const timesTo = new Uint8Array(vocabulary)
  const placeTo = new Int32Array(vocabulary)
  return (region: Change): Anchor[] => {
    const before = from.subarray(...region.from)
    const after = to.subarray(...region.to)
    for (const token of before) timesFrom[token] = 0
    for (const token of after) timesFrom[token] = timesTo[token] = 0
    for (const token of before) timesTo[token] = 0
    for (const token of before) countToTwo(timesFrom, token)
    after.forEach((token, index) => {
      countToTwo(timesTo, token)
      placeTo[token] = region.to[0] + index
    })
    const candidates: Anchor[] = []
    before.forEach((token, index) => {
      if (timesFrom[token] !== 1 || timesTo[token] !== 1) return
      candidates.push([region.from[0] + index, placeTo[token] as number])
    })
    return longestRising(candidates)
  }
}

function countToTwo(times: Uint8Array, token: number): void {
  if ((times[token] as number) < 2) times[token] = (times[token] as number) + 1
}

/** Of anchors in order of `a` the longest selection that is in order of `b` too (patience sorting). */
function longestRising(anchors: readonly Anchor[]): Anchor[] {
  /** By length less one, the index of the anchor with the smallest `b` that ends such a selection. */
  const ends: number[] = []
  const previous = new Int32Array(anchors.length)
  anchors.forEach(([, b], index) => {
    let [low, high] = [0, ends.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((anchors[ends[middle] as number] as Anchor)[1] < b) low = middle + 1
      else high = middle
    }
    previous[index] = low > 0 ? (ends[low - 1] as number) : -1
    ends[low] = index
  })
  const rising: Anchor[] = []
  for (let index = ends.at(-1) ?? -1; index >= 0; index = previous[index] as number) {
    rising.push(anchors[index] as Anchor)
  }
  return rising.reverse()
}

function* gapsBetween(region: Change, anchors: readonly Anchor[]): Iterable<Change> {
  let [a] = region.from
  let [b] = region.to
  for (const [anchorA, anchorB] of anchors) {
    yield { from: [a, anchorA], to: [b, anchorB] }
    a = anchorA + 1
    b = anchorB + 1
  }
  yield { from: [a, region.from[1]], to: [b, region.to[1]] }
}
