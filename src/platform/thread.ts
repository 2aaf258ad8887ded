import { Worker } from 'node:worker_threads'

export interface ThreadOptions {
  /** A job that takes longer is a fault: the thread is ended with it. */
  timeoutMs: number
  /** A thread without jobs ends after this long. */
  idleMs: number
  /** Memory for what a job makes and forgets; with little of it, much time goes into collecting. */
  youngGenerationMb?: number
}

/** One thread for work that would hold up the event loop; jobs take their turn. */
export interface Thread<Input, Output> {
  /** Rejects with the signal's reason as soon as it aborts; a job that waits is then forgotten. */
  run(input: Input, signal?: AbortSignal): Promise<Output>
}

interface Job<Input, Output> extends PromiseWithResolvers<Output> {
  input: Input
}

/**
 * The thread starts with its first job and never keeps the process alive. `file` is a program that
 * answers each message with one message.
 */
export function createThread<Input, Output>(
  file: URL,
  { timeoutMs, idleMs, youngGenerationMb }: ThreadOptions,
): Thread<Input, Output> {
  const resourceLimits = {
    ...(youngGenerationMb && { maxYoungGenerationSizeMb: youngGenerationMb }),
  }
  const waiting = new Set<Job<Input, Output>>()
  let current: Job<Input, Output> | undefined
  let worker: Worker | undefined
  let timer: NodeJS.Timeout | undefined

  const end = (error?: Error) => {
    clearTimeout(timer)
    const [ended, job] = [worker, current]
    worker = current = undefined
    void ended?.terminate()
    if (error) job?.reject(error)
  }

  const start = (): Worker => {
    const started = new Worker(file, { resourceLimits })
    started.unref()
    started.on('message', (output: Output) => {
      current?.resolve(output)
      current = undefined
      next()
    })
    started.on('error', (error: Error) => {
      if (worker !== started) return
      end(error)
      next()
    })
    return started
  }

  const next = () => {
    clearTimeout(timer)
    const [job] = waiting
    if (current) return
    if (!job) {
      timer = setTimeout(end, idleMs).unref()
      return
    }
    waiting.delete(job)
    current = job
    timer = setTimeout(() => {
      end(new Error(`A thread did not finish its job within ${timeoutMs} ms.`))
      next()
    }, timeoutMs).unref()
    worker ??= start()
    worker.postMessage(job.input)
  }

  return {
    run(input, signal) {
      if (signal?.aborted) return Promise.reject(signal.reason as Error)
      const job = { ...Promise.withResolvers<Output>(), input }
      const onAbort = () => {
        waiting.delete(job)
        job.reject(signal?.reason)
      }
      signal?.addEventListener('abort', onAbort, { once: true })
      waiting.add(job)
      if (!current) next()
      return job.promise.finally(() => signal?.removeEventListener('abort', onAbort))
    },
  }
}
