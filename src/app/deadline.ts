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
