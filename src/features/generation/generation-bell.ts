import { z } from 'zod'

/** The bell that is rung for a job: whoever hears it takes the job up, if nobody else has. */
export const generationBell = {
  name: 'runGenerationJob',
  payload: z.object({ tenantId: z.uuid(), jobId: z.uuid() }),
}
