import { NotFoundError } from '../../lib/errors.ts'

/** A job as a caller names it. */
export interface JobRef {
  id: string
  /** As the caller sent it. */
  globalId: string
}

export function noSuchJob({ globalId }: JobRef): NotFoundError {
  return new NotFoundError('Generation job', { id: globalId, path: ['id'] })
}
