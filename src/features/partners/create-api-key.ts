import type { EntityManager } from '@mikro-orm/postgresql'
import {
  asStorageUnavailable,
  type FieldIssue,
  ForbiddenError,
  NotFoundError,
  ValidationError,
} from '../../lib/errors.ts'
import { newId } from '../../lib/id.ts'
import { keyScopes, type Origin, type Scope, type Viewer } from '../../lib/viewer.ts'
import type { HashSecret } from '../../platform/hash-secret.ts'
import type { Plan } from '../../platform/plan.ts'
import type { Database } from '../../platform/postgres/database.ts'
import { recordAudit } from '../tenancy/record-audit.ts'
import { isAddressOrRange } from './allowed-ips.ts'
import type { KeyScope } from './api-key.entity.ts'
import { newSecret, writeKey } from './key-text.ts'

export interface ApiKeyDeps {
  database: Database
  hashSecret: HashSecret
  tenantId: string
  viewer: Viewer
  origin: Origin
  plan: Plan
}

export interface NewApiKey {
  name: string
  scopes: readonly Scope[]
  /** Null for all that its maker may see. */
  brandIds: readonly string[] | null
  expiresAt: Date | null
  trustedDocumentsOnly: boolean
  /** Null for every address. */
  allowedIps: readonly string[] | null
  costLimit: number
}

/** A key's id and, this once, the key. */
export interface IssuedKey {
  id: string
  secret: string
}

const maxNameLength = 100
/** Of a tenant, unrevoked. */
const maxKeys = 100
const maxIps = 100
const maxBrands = 100
const costLimits = { min: 2_000, max: 1_000_000 }

/**
 * Makes a key and answers it; only its hash is kept. Nobody gives a key more than they hold. Throws
 * ValidationError, ForbiddenError, NotFoundError, StorageUnavailableError.
 */
export async function createApiKey(deps: ApiKeyDeps, input: NewApiKey): Promise<IssuedKey> {
  const key = { ...input, name: input.name.trim(), scopes: [...new Set(input.scopes)] }
  const issues = [...issuesOf(key)]
  if (issues.length > 0) throw new ValidationError(issues)
  refuseMoreThanHeld(deps.viewer, key.scopes)
  const id = newId()
  const secret = newSecret()
  await deps.database
    .transaction(deps.tenantId, (tx) => createIn(tx, deps, { ...key, id, secret }), deps.plan)
    .catch(asStorageUnavailable)
  return { id, secret: writeKey(id, secret) }
}

function* issuesOf(key: NewApiKey): Iterable<FieldIssue> {
  const at = (...path: string[]) => ['input', ...path]
  const { name, scopes, brandIds, expiresAt, allowedIps, costLimit } = key
  if (name.length === 0 || name.length > maxNameLength) {
    const message = `must have 1 to ${maxNameLength} characters, and has ${name.length}`
    yield { path: at('name'), code: 'LENGTH', message }
  }
  if (scopes.length === 0) {
    yield { path: at('scopes'), code: 'TOO_SMALL', message: 'must name at least one scope' }
  }
  for (const scope of scopes.filter((each) => !isKeyScope(each))) {
    const message = `${scope} is for people; a key may hold ${keyScopes.join(', ')}`
    yield { path: at('scopes'), code: 'INVALID', message }
  }
  if (scopes.includes('VERSION_READ') && !scopes.includes('CONTENT_READ_DRAFT')) {
    const message = 'VERSION_READ shows what were drafts: it takes CONTENT_READ_DRAFT too'
    yield { path: at('scopes'), code: 'INVALID', message }
  }
  if (brandIds && (brandIds.length === 0 || brandIds.length > maxBrands)) {
    const message = `must name 1 to ${maxBrands} brands; leave it out for all of them`
    yield { path: at('brandIds'), code: 'LENGTH', message }
  }
  if (expiresAt && expiresAt.getTime() <= Date.now()) {
    yield { path: at('expiresAt'), code: 'INVALID', message: 'must be in the future' }
  }
  if (costLimit < costLimits.min || costLimit > costLimits.max) {
    const message = `must be ${costLimits.min} to ${costLimits.max}, and is ${costLimit}`
    yield { path: at('costLimit'), code: 'INVALID', message }
  }
  if (allowedIps) yield* ipIssuesOf(allowedIps, at('allowedIps'))
}

function* ipIssuesOf(allowedIps: readonly string[], path: string[]): Iterable<FieldIssue> {
  if (allowedIps.length === 0 || allowedIps.length > maxIps) {
    const message = `must name 1 to ${maxIps} addresses or ranges; leave it out for every address`
    yield { path, code: 'LENGTH', message }
    return
  }
  for (const [index, text] of allowedIps.entries()) {
    if (isAddressOrRange(text)) continue
    const message = 'must be an IP address or a range like 203.0.113.0/24'
    yield { path: [...path, String(index)], code: 'INVALID', message }
  }
}

function isKeyScope(scope: Scope): scope is KeyScope {
  return (keyScopes as readonly Scope[]).includes(scope)
}

function refuseMoreThanHeld({ scopes: held }: Viewer, wanted: readonly Scope[]): void {
  const missing = wanted.filter((scope) => !held.has(scope))
  if (missing.length === 0) return
  const message = `You cannot give a key what you do not hold: ${missing.join(' and ')}.`
  throw new ForbiddenError(message, missing)
}

async function createIn(
  tx: EntityManager,
  { tenantId, viewer, origin, hashSecret }: ApiKeyDeps,
  { id, secret, ...key }: NewApiKey & IssuedKey,
): Promise<void> {
  await refuseTooMany(tx, tenantId)
  const brandIds = key.brandIds ? [...new Set(key.brandIds)] : viewer.brandIds
  if (key.brandIds) await refuseForeignBrands(tx, tenantId, viewer, key.brandIds)
  const row = {
    name: key.name,
    scopes: key.scopes,
    brand_ids: brandIds,
    expires_at: key.expiresAt,
    cost_limit: key.costLimit,
    trusted_documents_only: key.trustedDocumentsOnly,
    allowed_ips: key.allowedIps,
  }
  const columns = Object.keys(row).join(', ')
  await tx.execute(
    `insert into api_keys (tenant_id, id, secret_hash, created_by_user_id, ${columns})
     select ?, ?, ?, ?, ${columns} from jsonb_populate_record(null::api_keys, ?::jsonb)`,
    [tenantId, id, hashSecret(secret), viewer.userId, JSON.stringify(row)],
  )
  const { name, scopes, expiresAt, trustedDocumentsOnly, allowedIps, costLimit } = key
  const after = { name, scopes, brandIds, expiresAt, trustedDocumentsOnly, allowedIps, costLimit }
  const event = { action: 'createApiKey', subject: { type: 'ApiKey', id }, before: null, after }
  await recordAudit(tx, { tenantId, userId: viewer.userId, origin }, [event])
}

/** Who makes keys of one tenant comes one by one, so that none slips past the limit beside another. */
async function refuseTooMany(tx: EntityManager, tenantId: string): Promise<void> {
  const lock = `apiKeys:${tenantId}`
  await tx.execute('select pg_advisory_xact_lock(hashtextextended(?, 0))', [lock])
  const [found] = await tx.execute<{ count: number }[]>(
    `select count(*)::integer as count from api_keys where tenant_id = ? and revoked_at is null`,
    [tenantId],
  )
  if ((found?.count ?? 0) < maxKeys) return
  const message = `There are ${maxKeys} keys already. Revoke one first.`
  throw new ValidationError([{ path: ['input'], code: 'TOO_MANY', message }])
}

async function refuseForeignBrands(
  tx: EntityManager,
  tenantId: string,
  viewer: Viewer,
  brandIds: readonly string[],
): Promise<void> {
  const held = viewer.brandIds && `{${viewer.brandIds.join(',')}}`
  const [found] = await tx.execute<{ isComplete: boolean }[]>(
    `select coalesce(array_agg(id), '{}') @> ?::uuid[] as "isComplete" from brands
     where tenant_id = ? and (?::uuid[] is null or id = any(?::uuid[]))`,
    [`{${brandIds.join(',')}}`, tenantId, held, held],
  )
  if (!found?.isComplete) throw new NotFoundError('Brand', { path: ['input', 'brandIds'] })
}
