/** What became of the documents of one kind; each of them is counted once. */
export interface DocumentCounts {
  /** Whole, or still waiting in PostgreSQL. */
  there: number
  /** Put back; by a dry run, what would be. */
  restored: number
  /** Of these, the ones in whose place something damaged was. */
  replaced: number
  /** Not there, or damaged, and not to be had from the copy. */
  missing: number
}

/** A document that could not be put back, and why. */
export interface MissingDocument {
  kind: 'body' | 'history'
  documentId: string
  versionId: string
  contentId: string
  reason: string
}

/** What a restore has done so far. */
export interface RestoreTally {
  /** Looked at. */
  versions: number
  bodies: DocumentCounts
  history: DocumentCounts
  /** The first hundred of them. */
  missing: MissingDocument[]
  /** Contents that were left out: the copy knows that they were purged. The first hundred. */
  purgedInCopy: string[]
  purgedInCopyCount: number
  /** Of bodies, unpacked, in UTF-8. */
  restoredBytes: number
  /** What BigQuery has read, as it is billed. */
  billedBytes: number
  /** Of work, without what passed between two workers. */
  seconds: number
}

const maxNamed = 100

const noCounts: DocumentCounts = { there: 0, restored: 0, replaced: 0, missing: 0 }

export const emptyTally: RestoreTally = {
  versions: 0,
  bodies: noCounts,
  history: noCounts,
  missing: [],
  purgedInCopy: [],
  purgedInCopyCount: 0,
  restoredBytes: 0,
  billedBytes: 0,
  seconds: 0,
}

/** What a restore starts from, or goes on from, with what the copy says now of purged contents. */
export function startTally(
  before: RestoreTally | null | undefined,
  purgedIds: readonly string[],
): RestoreTally {
  return {
    ...(before ?? emptyTally),
    purgedInCopy: purgedIds.slice(0, maxNamed),
    purgedInCopyCount: purgedIds.length,
  }
}

/** What a page has come to; of purged contents it knows nothing. */
export type PageTally = Omit<RestoreTally, 'purgedInCopy' | 'purgedInCopyCount'>

export function addTally(before: RestoreTally, page: PageTally): RestoreTally {
  return {
    ...before,
    versions: before.versions + page.versions,
    bodies: addCounts(before.bodies, page.bodies),
    history: addCounts(before.history, page.history),
    missing: [...before.missing, ...page.missing].slice(0, maxNamed),
    restoredBytes: before.restoredBytes + page.restoredBytes,
    billedBytes: before.billedBytes + page.billedBytes,
    seconds: before.seconds + page.seconds,
  }
}

function addCounts(a: DocumentCounts, b: DocumentCounts): DocumentCounts {
  return {
    there: a.there + b.there,
    restored: a.restored + b.restored,
    replaced: a.replaced + b.replaced,
    missing: a.missing + b.missing,
  }
}
