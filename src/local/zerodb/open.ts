import { z } from 'zod'
import { openStandIn } from '../stand-in.ts'

export const ZeroDbDetails = z.object({
  /** Origin without a path, e.g. `http://127.0.0.1:41234`. */
  url: z.url(),
  projectId: z.uuid(),
  apiKey: z.string(),
})

export interface LocalZeroDb extends z.infer<typeof ZeroDbDetails>, AsyncDisposable {
  /** True when this call started it, false when another process had it running. */
  readonly started: boolean
}

/** Holds the ZeroDB stand-in of this data directory; rows, project and key survive restarts. */
export async function openZeroDb(options: { dataDir: string }): Promise<LocalZeroDb> {
  const standIn = await openStandIn({
    name: 'zerodb',
    dataDir: options.dataDir,
    settings: {},
    program: new URL('program.ts', import.meta.url),
  })
  return {
    ...ZeroDbDetails.parse(standIn.details),
    started: standIn.started,
    [Symbol.asyncDispose]: () => standIn[Symbol.asyncDispose](),
  }
}
