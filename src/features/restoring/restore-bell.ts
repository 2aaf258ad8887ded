import { z } from 'zod'

/** The bell that is rung for a restore: whoever hears it takes it up, if nobody else has. */
export const restoreBell = {
  name: 'runRestoreJob',
  payload: z.object({ tenantId: z.uuid(), jobId: z.uuid() }),
}
