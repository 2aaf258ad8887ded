/** When and how long connections that last are ended. */
export interface Ending {
  stop: AbortSignal
  endingMs: number
}

/**
 * Calls `end` at some moment within `endingMs` of `stop`; for what begins after `stop`, of now, because
 * load balancers send more until they notice. Not once disposed.
 */
export function endLater({ stop, endingMs }: Ending, end: () => void): Disposable {
  let timer: NodeJS.Timeout | undefined
  const begin = () => {
    // What is still open keeps the process; the timer need not.
    timer = setTimeout(end, Math.random() * endingMs).unref()
  }
  if (stop.aborted) begin()
  else stop.addEventListener('abort', begin, { once: true })
  return {
    [Symbol.dispose]() {
      stop.removeEventListener('abort', begin)
      clearTimeout(timer)
    },
  }
}
