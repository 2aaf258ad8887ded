import { UpstreamError } from '../lib/errors.ts'
import type { Services } from '../platform/services.ts'
import { setUpStores } from './setup.ts'

/**
 * Sees to the tables of ZeroDB and BigQuery, and that ZeroDB honours filters. When one of them is away
 * the program starts all the same: lists need only PostgreSQL, bodies come back when ZeroDB does, and
 * versions wait for the copy.
 */
export async function prepareStores(services: Services, signal: AbortSignal): Promise<void> {
  try {
    for await (const _step of setUpStores(services, signal));
  } catch (error) {
    if (!(error instanceof UpstreamError)) throw error
    if (error.neighbour === 'ZeroDB' && error.failure === 'rejected') throw error
    services.log.warn({ err: error }, `${error.neighbour} is not ready: see gateway setup`)
  }
}
