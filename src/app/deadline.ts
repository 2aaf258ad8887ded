/** A time limit that also ends when whoever waits for the answer has left. */
export interface Deadline extends Disposable {
  signal: AbortSignal
  leave: () => void
}

/** Aborts after `ms`, or when its `leave` is called; dispose it when the answer is ready. */
export function startDeadline(ms: number): Deadline {
  const controller = new AbortController()
  const abort = (reason: string, name: string) => controller.abort(new DOMException(reason, name))
  const timer = setTimeout(() => abort(`${ms} ms have passed.`, 'TimeoutError'), ms)
  return {
    signal: controller.signal,
    leave: () => abort('The client left.', 'AbortError'),
    [Symbol.dispose]: () => clearTimeout(timer),
  }
}

/** For what hears the deadline to say so at its place in the answer. */
const graceMs = 250

/** What `work` comes to, or the signal's reason when it takes no notice of the signal. */
export function inTime<T>(work: T | Promise<T>, signal: AbortSignal): T | Promise<T> {
  if (!(work instanceof Promise)) return work
  return new Promise((resolve, reject) => {
    const onAbort = () => setTimeout(() => reject(signal.reason as Error), graceMs)
    const settled =
      <V>(settle: (value: V) => void) =>
      (value: V) => {
        signal.removeEventListener('abort', onAbort)
        settle(value)
      }
    work.then(settled(resolve), settled(reject))
    signal.addEventListener('abort', onAbort, { once: true })
  })
}
