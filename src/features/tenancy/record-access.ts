import type { Access } from '../../lib/access.ts'
import { within } from '../../lib/within.ts'
import type { Origin, Viewer } from '../../lib/viewer.ts'
import type { Log } from '../../platform/log.ts'
import type { Database } from '../../platform/postgres/database.ts'
import { type AuditRecord, recordAudit } from './record-audit.ts'

/** An operation that is over. */
export interface EndedOperation {
  viewer: Viewer
  origin: Origin
  access: Access
  /** Mutations record what they changed themselves. */
  isMutation: boolean
  /** Its root fields; asked for only where they are recorded. */
  fields: () => readonly string[]
}

export interface AccessAudit {
  /** Resolves when it is recorded, or cannot be for now; never rejects. */
  record(operation: EndedOperation): Promise<void>
}

/** Whoever reads what needs one of these looks behind the contents: at people, keys or the gateway itself. */
const adminScopes: ReadonlySet<string> = new Set(['OPS_READ', 'APIKEY_MANAGE', 'LLMKEY_MANAGE'])

/** Denied operations of one viewer that get an event each; more of that minute share one, at its end. */
const maxDenials = 10
const windowMs = 60_000
/** The answer does not wait longer for its record: while PostgreSQL is away, the log has it. */
const maxWaitMs = 300

/** What one viewer was denied within a minute. */
interface Denials {
  recorded: number
  /** Those without an event of their own. */
  more: number
  fields: Set<string>
  scopes: Set<string>
}

/**
 * Records what was denied and what only administrators may read, one event an operation, once it is
 * over. Counts in memory what it does not record one by one; an instance that stops loses that count.
 */
export function createAccessAudit({
  database,
  log,
}: {
  database: Database
  log: Log
}): AccessAudit {
  const denials = new Map<string, Denials>()

  const write = async ({ viewer, origin }: EndedOperation, events: readonly AuditRecord[]) => {
    const { tenantId, userId, apiKey } = viewer
    const by = { tenantId, userId, origin: { ...origin, apiKeyId: apiKey?.id ?? null } }
    try {
      await database.transaction(tenantId, (tx) => recordAudit(tx, by, events))
    } catch (error) {
      log.error({ err: error, ...by, events }, 'could not record an access')
    }
  }

  const open = (key: string, operation: EndedOperation): Denials => {
    const opened = { recorded: 0, more: 0, fields: new Set<string>(), scopes: new Set<string>() }
    denials.set(key, opened)
    const close = () => {
      denials.delete(key)
      const { more, fields, scopes } = opened
      if (more > 0) void write(operation, [eventOf(operation, 'denied', fields, scopes, more)])
    }
    setTimeout(close, windowMs).unref()
    return opened
  }

  const denialOf = (operation: EndedOperation): AuditRecord | undefined => {
    const { viewer, access } = operation
    if (access.denied.length === 0) return undefined
    const key = `${viewer.tenantId} ${viewer.userId ?? viewer.apiKey?.id}`
    const known = denials.get(key) ?? open(key, operation)
    const fields = access.denied.map(({ field }) => field)
    const scopes = access.denied.flatMap((denied) => denied.scopes)
    if (known.recorded++ < maxDenials) return eventOf(operation, 'denied', fields, scopes)
    known.more++
    // As many as the schema has, at most.
    for (const field of fields) known.fields.add(field)
    for (const scope of scopes) known.scopes.add(scope)
    return undefined
  }

  return {
    async record(operation) {
      const events = [denialOf(operation), readOf(operation)].filter((event) => event !== undefined)
      if (events.length > 0) await within(maxWaitMs, write(operation, events))
    },
  }
}

function readOf(operation: EndedOperation): AuditRecord | undefined {
  const { access, isMutation, fields } = operation
  const scopes = [...access.held].filter((scope) => adminScopes.has(scope))
  if (isMutation || scopes.length === 0) return undefined
  return eventOf(operation, 'read', fields(), scopes)
}

function eventOf(
  { viewer: { tenantId } }: EndedOperation,
  action: 'denied' | 'read',
  fields: Iterable<string>,
  scopes: Iterable<string>,
  times?: number,
): AuditRecord {
  const after = {
    fields: [...new Set(fields)],
    requiredScopes: [...new Set(scopes)],
    ...(times !== undefined && { times }),
  }
  return { action, subject: { type: 'Tenant', id: tenantId }, before: null, after }
}
