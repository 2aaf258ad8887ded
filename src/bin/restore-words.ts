import type { RestoreReport } from '../features/restoring/restore-report.ts'
import type { DocumentCounts } from '../features/restoring/restore-tally.ts'

const shown = 10

/** The report for people, a fact a line. */
export function describeRestore(report: RestoreReport): string {
  const { contentIds, missing, purgedInCopy, purgedInCopyCount } = report
  const put = report.target === 'DRY_RUN' ? 'to be put back' : 'put back'
  const lines = [
    `restore ${report.jobId}: ${endingOf(report)}`,
    `tenant ${report.tenantId}, as of ${report.asOf}, target ${report.target}`,
    ...(report.brandId ? [`only brand ${report.brandId}`] : []),
    ...(contentIds ? [`only ${contentIds.length} contents`] : []),
    `${report.versions} versions looked at`,
    `bodies: ${countsOf(report.bodies, put)}`,
    `history entries: ${countsOf(report.history, put)}`,
    `${report.restoredBytes} bytes of bodies ${put}, ${report.billedBytes} bytes billed by BigQuery`,
    `${report.seconds} s of work, ${report.documentsPerSecond} documents a second`,
    `from ${report.startedAt ?? 'not yet'} to ${report.endedAt ?? 'not yet'}`,
    ...missing
      .slice(0, shown)
      .map(
        ({ kind, documentId, contentId, reason }) =>
          `missing: ${kind} ${documentId} of content ${contentId}: ${reason}`,
      ),
    ...purgedInCopy
      .slice(0, shown)
      .map((id) => `left out: content ${id} was purged, as the copy knows; purge it again`),
  ]
  const unsaid = missingOf(report) - Math.min(shown, missing.length)
  if (unsaid > 0) lines.push(`missing: ${unsaid} more; --report names the first hundred`)
  const more = purgedInCopyCount - Math.min(shown, purgedInCopy.length)
  if (more > 0) lines.push(`left out: ${more} more; --report names the first hundred`)
  return lines.join('\n')
}

function countsOf({ restored, replaced, there, missing }: DocumentCounts, put: string): string {
  const damaged = replaced > 0 ? ` (${replaced} in the place of damaged ones)` : ''
  return `${restored} ${put}${damaged}, ${there} were there, ${missing} missing`
}

function missingOf({ bodies, history }: RestoreReport): number {
  return bodies.missing + history.missing
}

function endingOf(report: RestoreReport): string {
  if (report.status === 'FAILED') return `failed. ${report.error ?? ''}`
  if (!report.endedAt) return 'interrupted. Run the same command again: it goes on from here.'
  const missing = missingOf(report)
  if (report.target === 'DRY_RUN') return 'a dry run, nothing was changed'
  return missing === 0 ? 'all is there' : `${missing} documents are missing, in the copy too`
}

export function exitCodeOf(report: RestoreReport): number {
  if (report.status === 'FAILED') return 2
  if (!report.endedAt) return 130
  return missingOf(report) === 0 ? 0 : 1
}
