import { ValidationError } from '../../lib/errors.ts'
import { bodyTable, historyTable } from '../content/documents.ts'
import type { DocumentTable } from '../content/queued-documents.ts'

/** What ZeroDB keeps of contents, by the names of its tables (W-001). */
const collections: readonly DocumentTable[] = [bodyTable, historyTable]

/** The collections of these names, each once; all when none are named. Throws ValidationError. */
export function checkCollections(names: readonly string[] | null | undefined): DocumentTable[] {
  if (names == null) return [...collections]
  const unknown = names.find((name) => !isCollection(name))
  if (unknown === undefined && names.length > 0) {
    return collections.filter((collection) => names.includes(collection))
  }
  const known = `there are ${collections.join(' and ')}`
  const message = unknown === undefined ? `names none; ${known}` : `has no ${unknown}; ${known}`
  throw new ValidationError([{ path: ['collections'], code: 'UNKNOWN_COLLECTION', message }])
}

export function isCollection(name: string): name is DocumentTable {
  return collections.some((collection) => collection === name)
}
