/** When and how long connections that last are ended. */
export interface Ending {
  stop: AbortSignal
  endingMs: number
}

/** Once `stop` aborts, calls `end` for each of `open`, spread over `endingMs`. */
export function endEach<T>(
  { stop, endingMs }: Ending,
  open: Iterable<T>,
  end: (one: T) => void,
): void {
  const endAll = () => {
    // What is still open keeps the process; these timers need not.
    for (const one of open) setTimeout(end, Math.random() * endingMs, one).unref()
  }
  stop.addEventListener('abort', endAll, { once: true })
}
