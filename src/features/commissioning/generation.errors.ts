import { DomainError } from '../../lib/errors.ts'
import type { JobStatus } from '../tenancy/job.ts'

/** The plan allows no so many generated items in this calendar month (E-132); nothing was changed. */
export class GenerationLimitError extends DomainError {
  readonly code = 'GENERATION_LIMIT_EXCEEDED'
  readonly monthlyLimit: number
  readonly usedThisMonth: number
  /** The first instant of the next month in UTC. */
  readonly resetsAt: Date

  constructor(
    wanted: number,
    usage: { monthlyLimit: number; usedThisMonth: number; resetsAt: Date },
    path: readonly string[],
  ) {
    const { monthlyLimit, usedThisMonth, resetsAt } = usage
    super(
      `${wanted} more items do not fit: your plan allows ${monthlyLimit} a month, and ${usedThisMonth} are used. Ask for fewer, wait until ${resetsAt.toISOString().slice(0, 10)}, or get a larger plan.`,
      { path },
    )
    this.monthlyLimit = monthlyLimit
    this.usedThisMonth = usedThisMonth
    this.resetsAt = resetsAt
  }
}

/** The job has ended by itself; nothing was changed. */
export class JobNotCancellableError extends DomainError {
  readonly code = 'JOB_NOT_CANCELLABLE'
  readonly status: JobStatus

  constructor(status: JobStatus) {
    super(
      `The job is over already: its status is ${status.toUpperCase()}. There is nothing to cancel.`,
      { path: ['id'] },
    )
    this.status = status
  }
}
