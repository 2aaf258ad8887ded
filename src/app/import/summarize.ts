import type { ImportReport } from './import-files.ts'

/** Files whose end is known. */
export function settledFiles({ created, updated, unchanged, failed }: ImportReport): number {
  return created + updated + unchanged + failed.length
}

/** The import in a few lines for people; every file that failed is named with its reason. */
export function summarize(report: ImportReport, seconds: number): string {
  const { total, created, updated, unchanged, failed, storedBytes, stopped } = report
  const lines = [
    `${created} created, ${updated} updated, ${unchanged} unchanged, ${failed.length} failed.`,
    `${storedBytes} bytes stored in ${seconds.toFixed(1)} s.`,
    ...failed.map(({ path, reason }) => `Failed: ${path}: ${reason}`).toSorted(),
  ]
  if (total === 0) return 'There are no Markdown files in this folder.'
  if (unchanged === total) return `${total} unchanged, nothing to do (${seconds.toFixed(1)} s).`
  if (stopped !== undefined) {
    lines.push(`Stopped: ${stopped}`)
    lines.push(
      `${total - settledFiles(report)} files are left; the same command goes on with them.`,
    )
  }
  return lines.join('\n')
}
