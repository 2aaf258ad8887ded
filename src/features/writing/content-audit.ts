import type { AuditRecord } from '../tenancy/record-audit.ts'
import type { NextContent, PlannedWrite } from './plan-write.ts'

/** What the audit keeps of a write; the version it made tells the rest. */
export function auditRecordOf({ call, previous, next }: PlannedWrite): AuditRecord {
  return {
    action: call.operation,
    subject: { type: 'Content', id: next.id },
    before: previous && factsOf(previous),
    after: factsOf(next),
  }
}

function factsOf({ version, title, status, storageSizeBytes, deletedAt }: NextContent) {
  return { version, title, status, sizeBytes: storageSizeBytes, deleted: deletedAt != null }
}
