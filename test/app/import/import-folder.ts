import { expect } from 'vitest'
import { createContentApi } from '../../../src/app/import/content-api.ts'
import { findFiles } from '../../../src/app/import/find-files.ts'
import { importFiles, type ImportReport, newReport } from '../../../src/app/import/import-files.ts'
import { Persistence } from '../../../src/app/import/persistence.ts'
import type { TestGateway } from '../../support/gateway.ts'

interface Conditions {
  /** The network between the import and the gateway. */
  fetch?: typeof fetch
  signal?: AbortSignal
  patienceMs?: number
  onWait?: (reason: string) => void
}

/** An import as the command runs it. */
export async function importFolder(
  gateway: TestGateway,
  token: string,
  folder: string,
  conditions: Conditions = {},
): Promise<ImportReport> {
  const { signal = new AbortController().signal, patienceMs = 20_000, onWait } = conditions
  const files = await findFiles(folder)
  const report = newReport(files.length)
  const api = createContentApi({ url: gateway.url, token, fetch, ...conditions, signal })
  const persistence = new Persistence({ patienceMs, signal, onWait })
  await importFiles(files, report, { api, persistence, signal, parallel: 4 })
  return report
}

/** A report in which `counts` is all that happened. */
export function reportOf(total: number, counts: Partial<ImportReport>): ImportReport {
  return { ...newReport(total), storedBytes: expect.any(Number) as number, ...counts }
}
