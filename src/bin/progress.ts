import { SingleBar } from 'cli-progress'

/** How far a command has come, on stderr until disposed; stdout is left to what it answers. */
export interface Progress extends Disposable {
  /** Writes a line to stdout with nothing of the bar in it. */
  print(line: string): void
}

export interface Steps {
  done: number
  total: number
}

const drawMs = 100
const lineMs = 5_000

/**
 * A bar on a terminal, a line now and then anywhere else, with the time that is left by the speed so far.
 * `read` is asked whenever one is due.
 */
export function showProgress(what: string, read: () => Steps): Progress {
  const show = process.stderr.isTTY ? createBar(what, read) : createLines(what, read)
  const timer = setInterval(show.draw, process.stderr.isTTY ? drawMs : lineMs)
  return {
    print(line) {
      show.clear()
      process.stdout.write(`${line}\n`)
    },
    [Symbol.dispose]() {
      clearInterval(timer)
      show.clear()
    },
  }
}

/** E.g. `, 40 s left`, by the speed since it was first asked; empty until there is one. */
function createClock(): (steps: Steps) => string {
  let first: { done: number; at: number } | undefined
  return ({ done, total }) => {
    const at = performance.now()
    first ??= { done, at }
    if (done <= first.done || total < done) return ''
    const seconds = (((at - first.at) / (done - first.done)) * (total - done)) / 1_000
    return seconds < 90 ? `, ${Math.ceil(seconds)} s left` : `, ${Math.ceil(seconds / 60)} min left`
  }
}

function createBar(what: string, read: () => Steps) {
  const left = createClock()
  const format = `{bar} {percentage} %  {value} of {total} ${what}{left}`
  const bar = new SingleBar({
    format,
    clearOnComplete: true,
    hideCursor: true,
    gracefulExit: false,
  })
  return {
    draw() {
      const steps = read()
      const payload = { left: left(steps) }
      if (!bar.isActive) bar.start(steps.total, steps.done, payload)
      bar.setTotal(steps.total)
      bar.update(steps.done, payload)
    },
    clear() {
      if (bar.isActive) bar.stop()
    },
  }
}

function createLines(what: string, read: () => Steps) {
  const left = createClock()
  return {
    draw() {
      const steps = read()
      process.stderr.write(`${steps.done} of ${steps.total} ${what}${left(steps)}\n`)
    },
    clear() {},
  }
}
