import type { Scope } from './viewer.ts'

/** What one operation needed of its viewer's rights, noted while it is executed. */
export interface Access {
  /** Scopes that it needed and its viewer held. */
  readonly held: Set<Scope>
  /** Fields that it was refused, and for want of which scopes. */
  readonly denied: { field: string; scopes: readonly string[] }[]
}

export function newAccess(): Access {
  return { held: new Set(), denied: [] }
}
