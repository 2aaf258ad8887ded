import { setUpTables } from '../features/content/set-up-tables.ts'
import { UpstreamError } from '../lib/errors.ts'
import type { Services } from '../platform/services.ts'

/**
 * Sees to ZeroDB's tables and that it honours filters. When it is away the program starts all the
 * same: lists need only PostgreSQL, and bodies come back when it does.
 */
export async function prepareContentStore(services: Services, signal: AbortSignal): Promise<void> {
  try {
    await setUpTables(services.zerodb, signal)
  } catch (error) {
    if (!(error instanceof UpstreamError) || error.failure === 'rejected') throw error
    services.log.warn({ err: error }, 'ZeroDB is away: started without checking it')
  }
}
