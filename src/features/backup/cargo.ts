/** An event of a batch. */
export interface Member {
  tenantId: string
  eventId: string
  contentId: string
  isPurge: boolean
}

/** By which the row of an event is found in the copy, and the day it is found under. */
export interface Place {
  member: Member
  snapshotId: string
  at: Date
}

/** An event that cannot be copied as things are; without a place when its row would have none. */
export interface Refused {
  member: Member
  error: string
  place?: Place
}

/** A row on its way, and the event it is of. */
export interface Line extends Place {
  json: Buffer
}

/** What a batch brings to the copy. */
export interface Cargo {
  lines: Line[]
  refused: Refused[]
}
