/** What became of the documents of an archive; counted while it goes on. */
export interface RestoredDocuments {
  documents: number
  /** Put back; in a dry run, those that would be. */
  restored: number
  /** Was there, but not as its version says; the archive's one is in its place, or would be. */
  replaced: number
  /** As its version says. */
  alreadyThere: number
  /** Purged, expired, or never committed: PostgreSQL knows no version that has them. */
  unexplained: number
  /** Not what the version in PostgreSQL says, and no better in ZeroDB: left as it is there. */
  damaged: number
}

export function newRestored(): RestoredDocuments {
  return { documents: 0, restored: 0, replaced: 0, alreadyThere: 0, unexplained: 0, damaged: 0 }
}
