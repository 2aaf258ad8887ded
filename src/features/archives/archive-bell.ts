import { z } from 'zod'

/** The bell that is rung for a backup of a collection; one that is over, or in hand, is left alone. */
export const archiveBell = {
  name: 'backUpCollection',
  payload: z.object({ tenantId: z.uuid(), collection: z.string() }),
}
