/**
 * The promise, or the signal's reason as soon as it aborts, if there is one; `leave` is called in that case only, once
 * and before anybody is told.
 */
export function untilAborted<T>(
  promise: Promise<T>,
  signal: AbortSignal | undefined,
  leave: () => void = () => {},
): Promise<T> {
  if (!signal) return promise
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      leave()
      reject(signal.reason as Error)
    }
    const heard =
      <V>(settle: (value: V) => void) =>
      (value: V) => {
        signal.removeEventListener('abort', onAbort)
        settle(value)
      }
    promise.then(heard(resolve), heard(reject))
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
  })
}
