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

/** A bar on a terminal, a line now and then anywhere else. `read` is asked whenever one is due. */
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

function createBar(what: string, read: () => Steps) {
  const format = `{bar} {percentage} %  {value} of {total} ${what}`
  const bar = new SingleBar({
    format,
    clearOnComplete: true,
    hideCursor: true,
    gracefulExit: false,
  })
  return {
    draw() {
      const { done, total } = read()
      if (!bar.isActive) bar.start(total, done)
      bar.setTotal(total)
      bar.update(done)
    },
    clear() {
      if (bar.isActive) bar.stop()
    },
  }
}

function createLines(what: string, read: () => Steps) {
  return {
    draw() {
      const { done, total } = read()
      process.stderr.write(`${done} of ${total} ${what}\n`)
    },
    clear() {},
  }
}
