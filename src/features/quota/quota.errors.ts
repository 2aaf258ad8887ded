import { DomainError } from '../../lib/errors.ts'
import type { QuotaProjection } from './quota-projection.ts'

/** The write would pass the plan's storage limit; nothing was changed (E-137, E-138). */
export class QuotaExceededError extends DomainError {
  readonly code = 'QUOTA_EXCEEDED'
  readonly quota: QuotaProjection

  constructor(quota: QuotaProjection, path: readonly string[]) {
    super(quota.reason, { path })
    this.quota = quota
  }
}
