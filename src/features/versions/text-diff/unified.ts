import { formatPatch, type StructuredPatchHunk } from 'diff'
import { alignTokens, type Change } from './align.ts'
import { splitLines, tokenize, type TokenPair } from './tokens.ts'

/** Unchanged lines around a change, as in git. */
const context = 3
/** Lines alone are cheap to compare: they get more than words do. */
const maxEffort = 2_000_000

/** A unified diff of one file, as `git apply` and `patch` read it; empty when nothing differs. */
export function unifiedDiff(name: string, from: string, to: string): string {
  const lines = tokenize(from, to, splitLines)
  const groups = groupNearby(alignTokens(lines, { left: maxEffort }))
  if (groups.length === 0) return ''
  return formatPatch({
    oldFileName: `a/${name}`,
    newFileName: `b/${name}`,
    oldHeader: undefined,
    newHeader: undefined,
    isGit: true,
    hunks: groups.map((changes) => hunkOf(lines, changes)),
  })
}

/** Changes whose context would touch share a hunk. */
function groupNearby(changes: readonly Change[]): Change[][] {
  const groups: Change[][] = []
  for (const change of changes) {
    const last = groups.at(-1)?.at(-1)
    if (last && change.from[0] - last.from[1] <= 2 * context) groups.at(-1)?.push(change)
    else groups.push([change])
  }
  return groups
}

function hunkOf({ from, to }: TokenPair, changes: readonly Change[]): StructuredPatchHunk {
  const [first] = changes as [Change, ...Change[]]
  const last = changes.at(-1) ?? first
  const start = Math.max(0, first.from[0] - context)
  const end = Math.min(from.texts.length, last.from[1] + context)
  const newStart = first.to[0] - (first.from[0] - start)
  const newEnd = last.to[1] + (end - last.from[1])
  let kept = start
  const lines = changes.flatMap((change) => {
    const before = marked(' ', from.texts, kept, change.from[0])
    kept = change.from[1]
    const removed = marked('-', from.texts, ...change.from)
    return [...before, ...removed, ...marked('+', to.texts, ...change.to)]
  })
  return {
    oldStart: start + 1,
    oldLines: end - start,
    newStart: newStart + 1,
    newLines: newEnd - newStart,
    lines: [...lines, ...marked(' ', from.texts, kept, end)],
  }
}

function marked(mark: string, texts: readonly string[], start: number, end: number): string[] {
  return texts
    .slice(start, end)
    .flatMap((line) =>
      line.endsWith('\n')
        ? [mark + line.slice(0, -1)]
        : [mark + line, '\\ No newline at end of file'],
    )
}
