import { z } from 'zod'
import { openStandIn } from '../stand-in.ts'

export const LlmDetails = z.object({
  /** Origin without a path, e.g. `http://127.0.0.1:41234`. */
  url: z.url(),
  apiKey: z.string(),
})

export interface LocalLlm extends z.infer<typeof LlmDetails>, AsyncDisposable {
  /** True when this call started it, false when another process had it running. */
  readonly started: boolean
}

/** Holds the stand-in for a language model of this data directory. */
export async function openLlm(options: { dataDir: string }): Promise<LocalLlm> {
  const standIn = await openStandIn({
    name: 'llm',
    dataDir: options.dataDir,
    settings: {},
    program: new URL('program.ts', import.meta.url),
  })
  return {
    ...LlmDetails.parse(standIn.details),
    started: standIn.started,
    [Symbol.asyncDispose]: () => standIn[Symbol.asyncDispose](),
  }
}
