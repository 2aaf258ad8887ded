import { getNamedType, isUnionType } from 'graphql'
import { expect, test } from 'vitest'
import { toSchema } from '../../src/app/schema.ts'
import { encodeGlobalId } from '../../src/graphql/global-id.ts'
import { bytesPerGb } from '../../src/lib/bytes.ts'
import { newId } from '../../src/lib/id.ts'
import { plantUsage } from '../features/quota/plants.ts'
import { entries, furnish, type Ids } from '../support/entries.ts'
import { generationInput, plantProgress, startJob } from '../support/generation.ts'
import { startGateway, type TestGateway, type TestTenant } from '../support/gateway.ts'
import { askForRestore } from '../support/restores.ts'
import { type Coordinate, operationFor, rootFieldsOf, type Values } from '../support/schema-walk.ts'
import { deleteOne, newContent, publishOne, succeeded, updateOne } from '../support/writes.ts'

const schema = toSchema()
const mutations = rootFieldsOf(schema).filter(({ type }) => type.name === 'Mutation')

interface World {
  gateway: TestGateway
  tenant: TestTenant
  ids: Ids
}

interface Case {
  /** What has happened before. */
  prepare?(world: World): Promise<unknown>
  /** Over the arguments that would succeed. */
  args?(world: World): Values | Promise<Values>
  as?: 'viewer'
  /** Another instance, e.g. because its stores are away. */
  through?(world: World): Promise<TestGateway>
  code: string
  /** What the message says is wrong, and what to do. */
  says: RegExp
}

const text = (raw: string) => ({ format: 'TEXT' as const, raw })
const missing = () => encodeGlobalId('Content', newId())
const large = text('x'.repeat(1_000))
const inputOf = (fields: Values) => ({ input: { title: 'A', body: text('A'), ...fields } })

const forbidden = (scope: string): Case => ({
  as: 'viewer',
  code: 'FORBIDDEN',
  says: new RegExp(`^This needs the scope ${scope}\\.$`),
})

const zerodbAway: Case = {
  async through({ gateway }) {
    const struck = await gateway.startTwin({ LOG_LEVEL: 'silent' })
    gateway.zerodb.faults.add({ operation: '*', kind: 'reset' })
    return struck
  },
  code: 'STORAGE_UNAVAILABLE',
  says: /cannot take this write right now\. Nothing was changed; try again\.$/,
}

/** PostgreSQL answers no transaction in time: somebody has locked what the mutation writes. */
const postgresAway = (table: string): Case => ({
  async through({ gateway }) {
    const struck = await gateway.startTwin({
      LOG_LEVEL: 'silent',
      DATABASE_STATEMENT_TIMEOUT_MS: '200',
    })
    const client = await gateway.database.admin.connect()
    await client.query(`begin; lock table ${table} in access exclusive mode`)
    locks.push(() => client.query('rollback').finally(() => client.release()))
    return struck
  },
  code: 'STORAGE_UNAVAILABLE',
  says: /^The store cannot take this write right now\. (Nothing was changed; try again|It is not known whether the write happened; repeat it)/,
})

/** A key service where nobody listens. */
const nowhere = {
  kms: {
    keyName: 'projects/p/locations/l/keyRings/r/cryptoKeys/k',
    apiUrl: 'http://127.0.0.1:1',
    metadataUrl: 'http://127.0.0.1:1',
  },
}

const locks: (() => Promise<unknown>)[] = []

const full: Pick<Case, 'prepare' | 'code' | 'says'> = {
  prepare: ({ gateway, tenant }) =>
    plantUsage(gateway, tenant, { total_media_storage_bytes: 100 * bytesPerGb }),
  code: 'QUOTA_EXCEEDED',
  says: /^Storage limit exceeded\. Your Professional plan allows 100 GB\. Current usage: 100\.00 GB\.$/,
}

const rename = ({ gateway, tenant, ids }: World) =>
  updateOne(gateway, tenant, ids.Content, { title: 'Second', body: text('') }).then(succeeded)

const outdated: Case = {
  prepare: rename,
  args: () => ({ expectedVersion: 1 }),
  code: 'CONFLICT',
  says: /^The content is at version 2 by now\. Read it again, and repeat the change on top of that\.$/,
}

const keyTooLong: Case = {
  args: () => ({ idempotencyKey: 'x'.repeat(201) }),
  code: 'VALIDATION',
  says: /^idempotencyKey: must have 1 to 200 characters, and has 201$/,
}

const notFound: Pick<Case, 'code' | 'says'> = {
  code: 'NOT_FOUND',
  says: /^Content not found\. Check the id/,
}
const untitled: Pick<Case, 'code' | 'says'> = {
  code: 'VALIDATION',
  says: /title: Too small: expected string to have >=1 characters/,
}
const refTaken: Pick<Case, 'code' | 'says'> = {
  code: 'CONFLICT',
  says: /reference "crm:OWN-\d" exists already\. Update that one, or use another reference\.$/,
}
const refOf = (index: number) => ({ externalRef: { system: 'crm', id: `OWN-${index}` } })

const unknownRef: Case = { args: () => ({ ref: { id: missing() } }), ...notFound }

const trash = ({ gateway, tenant, ids }: World) =>
  deleteOne(gateway, tenant, { id: ids.Content }).then(succeeded)

const noSuchJob: Case = {
  args: () => ({ id: encodeGlobalId('GenerationJob', newId()) }),
  code: 'NOT_FOUND',
  says: /^Generation job not found\. Check the id/,
}

const noSuchApiKey: Case = {
  args: () => ({ id: encodeGlobalId('ApiKey', newId()) }),
  code: 'NOT_FOUND',
  says: /^API key not found\. Check the id/,
}

/** As many unfinished jobs as are allowed, besides one that is over. */
const busy: Pick<Case, 'prepare' | 'code' | 'says'> = {
  async prepare({ gateway, tenant, ids }) {
    for (let job = 0; job < 9; job++) await startJob(gateway, tenant, { targetCount: 1 })
    await plantProgress(gateway, ids.GenerationJob, { status: 'FAILED', failed: 3 })
    await startJob(gateway, tenant, { targetCount: 1 })
  },
  code: 'CONCURRENCY_LIMIT',
  says: /^10 jobs are not over yet, and 10 are allowed at a time\. Wait for one of them, or cancel one\.$/,
}

const monthIsUp: Pick<Case, 'prepare' | 'code' | 'says'> = {
  prepare: ({ gateway }) =>
    gateway.database.admin.query('update generation_usage set items = 9999'),
  code: 'GENERATION_LIMIT_EXCEEDED',
  says: /^3 more items do not fit: your plan allows 10000 a month, and 9999 are used\. Ask for fewer, wait until \d{4}-\d\d-01, or get a larger plan\.$/,
}

/** What every mutation of a content as a whole may answer. */
const ofStatus = (scope: string): Record<string, Case> => ({
  ValidationError: keyTooLong,
  NotFoundError: unknownRef,
  ForbiddenError: forbidden(scope),
  ConflictError: outdated,
  StorageUnavailableError: zerodbAway,
})

const update = ({ ids }: World, fields: Values) => ({ ref: { id: ids.Content }, ...fields })

/** Every error of every mutation's union, by a call that ends in it. */
const cases: Record<string, Record<string, Case>> = {
  createContent: {
    ValidationError: { args: () => inputOf({ title: '' }), ...untitled },
    ForbiddenError: forbidden('CONTENT_WRITE'),
    ConflictError: { args: () => inputOf(refOf(0)), ...refTaken },
    QuotaExceededError: full,
    StorageUnavailableError: zerodbAway,
  },
  createContents: {
    ValidationError: { args: () => ({ inputs: [inputOf({ title: '' }).input] }), ...untitled },
    ForbiddenError: forbidden('CONTENT_WRITE'),
    ConflictError: { args: () => ({ inputs: [inputOf(refOf(0)).input] }), ...refTaken },
    QuotaExceededError: full,
    StorageUnavailableError: zerodbAway,
  },
  updateContent: {
    ValidationError: { args: (world) => ({ input: update(world, { title: '' }) }), ...untitled },
    NotFoundError: { args: () => ({ input: { ref: { id: missing() } } }), ...notFound },
    ForbiddenError: forbidden('CONTENT_WRITE'),
    ConflictError: {
      ...outdated,
      args: (world) => ({ input: update(world, { expectedVersion: 1 }) }),
    },
    QuotaExceededError: { ...full, args: (world) => ({ input: update(world, { body: large }) }) },
    StorageUnavailableError: zerodbAway,
  },
  updateContents: {
    ValidationError: { args: (world) => ({ inputs: [update(world, { title: '' })] }), ...untitled },
    NotFoundError: { args: () => ({ inputs: [{ ref: { id: missing() } }] }), ...notFound },
    ForbiddenError: forbidden('CONTENT_WRITE'),
    ConflictError: {
      ...outdated,
      args: (world) => ({ inputs: [update(world, { expectedVersion: 1 })] }),
    },
    QuotaExceededError: {
      ...full,
      args: (world) => ({ inputs: [update(world, { body: large })] }),
    },
    StorageUnavailableError: zerodbAway,
  },
  upsertContent: {
    ValidationError: { args: () => inputOf({ title: '' }), ...untitled },
    NotFoundError: unknownRef,
    ForbiddenError: forbidden('CONTENT_WRITE'),
    ConflictError: { args: () => inputOf(refOf(1)), ...refTaken },
    QuotaExceededError: { ...full, args: () => inputOf({ body: large }) },
    StorageUnavailableError: zerodbAway,
  },
  publishContent: ofStatus('CONTENT_PUBLISH'),
  scheduleContent: ofStatus('CONTENT_PUBLISH'),
  unpublishContent: {
    ...ofStatus('CONTENT_PUBLISH'),
    StorageUnavailableError: {
      ...zerodbAway,
      prepare: ({ gateway, tenant, ids }) => publishOne(gateway, tenant, ids.Content),
    },
  },
  archiveContent: ofStatus('CONTENT_PUBLISH'),
  deleteContent: ofStatus('CONTENT_DELETE'),
  undeleteContent: {
    ValidationError: keyTooLong,
    NotFoundError: { args: () => ({ id: missing() }), ...notFound },
    ForbiddenError: forbidden('CONTENT_DELETE'),
    ConflictError: {
      async prepare(world) {
        await trash(world)
        await newContent(world.gateway, world.tenant, refOf(0))
      },
      ...refTaken,
    },
    QuotaExceededError: {
      ...full,
      async prepare(world) {
        await trash(world)
        await full.prepare?.(world)
      },
    },
    StorageUnavailableError: { ...zerodbAway, prepare: trash },
  },
  purgeContent: {
    ValidationError: {
      args: () => ({ reason: ' ' }),
      code: 'VALIDATION',
      says: /^reason: must have 1 to 500 characters: it is all that will be known of the content$/,
    },
    NotFoundError: { args: () => ({ id: missing() }), ...notFound },
    ForbiddenError: forbidden('CONTENT_PURGE'),
    StorageUnavailableError: postgresAway('audit_events'),
  },
  restoreVersion: {
    ValidationError: {
      args: () => ({ summary: '' }),
      code: 'VALIDATION',
      says: /^summary: Too small: expected string to have >=1 characters$/,
    },
    NotFoundError: {
      args: () => ({ version: 7 }),
      code: 'NOT_FOUND',
      says: /^Version 7 of this content not found\. Check the id/,
    },
    ForbiddenError: forbidden('VERSION_RESTORE'),
    ConflictError: outdated,
    QuotaExceededError: {
      ...full,
      async prepare(world) {
        await rename(world)
        await full.prepare?.(world)
      },
    },
    StorageUnavailableError: { ...zerodbAway, prepare: rename },
  },
  pinVersion: {
    ValidationError: {
      prepare: ({ gateway }) =>
        gateway.database.admin.query('update content_versions set expired_at = now()'),
      code: 'VALIDATION',
      says: /^versionId: Version 1 has expired, what it looked like is gone\. Pin a later one\.$/,
    },
    NotFoundError: {
      args: () => ({ versionId: encodeGlobalId('ContentVersion', newId()) }),
      code: 'NOT_FOUND',
      says: /^Version not found\. Check the id/,
    },
    ForbiddenError: forbidden('VERSION_RESTORE'),
    StorageUnavailableError: postgresAway('audit_events'),
  },
  setLlmKey: {
    ValidationError: {
      args: () => ({ secret: 'short' }),
      code: 'VALIDATION',
      says: /^secret: must be 8 to 500 visible ASCII characters without spaces$/,
    },
    ForbiddenError: forbidden('LLMKEY_MANAGE'),
    KeyServiceUnavailableError: {
      through: ({ gateway }) => gateway.startTwin({ LOG_LEVEL: 'silent' }, { masterKeys: nowhere }),
      code: 'KEY_SERVICE_UNAVAILABLE',
      says: /^Secrets cannot be kept or used right now\. Nothing was changed; try again\.$/,
    },
    StorageUnavailableError: postgresAway('audit_events'),
  },
  deleteLlmKey: {
    NotFoundError: {
      args: () => ({ id: encodeGlobalId('LlmKey', newId()) }),
      code: 'NOT_FOUND',
      says: /^Key not found\. Check the id/,
    },
    ForbiddenError: forbidden('LLMKEY_MANAGE'),
    StorageUnavailableError: postgresAway('audit_events'),
  },
  createApiKey: {
    ValidationError: {
      args: () => ({ input: { name: '', scopes: ['CONTENT_READ'] } }),
      code: 'VALIDATION',
      says: /^input\.name: must have 1 to 100 characters, and has 0$/,
    },
    ForbiddenError: forbidden('APIKEY_MANAGE'),
    NotFoundError: {
      args: () => ({
        input: {
          name: 'A',
          scopes: ['CONTENT_READ'],
          brandIds: [encodeGlobalId('Brand', newId())],
        },
      }),
      code: 'NOT_FOUND',
      says: /^Brand not found\. Check the id/,
    },
    StorageUnavailableError: postgresAway('audit_events'),
  },
  rotateApiKey: {
    ValidationError: {
      args: () => ({ overlapSeconds: -1 }),
      code: 'VALIDATION',
      says: /^overlapSeconds: must be 0 to 604800, and is -1$/,
    },
    ForbiddenError: forbidden('APIKEY_MANAGE'),
    NotFoundError: noSuchApiKey,
    StorageUnavailableError: postgresAway('audit_events'),
  },
  revokeApiKey: {
    ForbiddenError: forbidden('APIKEY_MANAGE'),
    NotFoundError: noSuchApiKey,
    StorageUnavailableError: postgresAway('audit_events'),
  },
  registerTrustedDocuments: {
    ValidationError: {
      args: () => ({ documents: ['{ viewer { tenant { name } } }', 'query Nothing { nothing }'] }),
      code: 'VALIDATION',
      says: /^documents\.0: must be one operation with a name, and the fragments it spreads; documents\.1: Cannot query field "nothing" on type "Query"/,
    },
    ForbiddenError: forbidden('APIKEY_MANAGE'),
    StorageUnavailableError: postgresAway('trusted_documents'),
  },
  generateContentBatch: {
    ValidationError: {
      args: () => ({ input: generationInput({ targetCount: 0 }) }),
      code: 'VALIDATION',
      says: /^input\.targetCount: Too small: expected number to be >=1$/,
    },
    ForbiddenError: forbidden('GENERATE'),
    QuotaExceededError: full,
    GenerationLimitError: monthIsUp,
    ConcurrencyLimitError: busy,
    StorageUnavailableError: postgresAway('audit_events'),
  },
  cancelGenerationJob: {
    NotFoundError: noSuchJob,
    ForbiddenError: forbidden('GENERATE'),
    JobNotCancellableError: {
      prepare: ({ gateway, ids }) =>
        plantProgress(gateway, ids.GenerationJob, { status: 'COMPLETED', stored: 3 }),
      code: 'JOB_NOT_CANCELLABLE',
      says: /^The job is over already: its status is COMPLETED\. There is nothing to cancel\.$/,
    },
    StorageUnavailableError: postgresAway('audit_events'),
  },
  retryGenerationJob: {
    ValidationError: {
      args: () => ({ failedOnly: true }),
      code: 'VALIDATION',
      says: /^id: The job is PENDING and goes on by itself; wait, or cancel it$/,
    },
    NotFoundError: noSuchJob,
    ForbiddenError: forbidden('GENERATE'),
    QuotaExceededError: full,
    GenerationLimitError: monthIsUp,
    ConcurrencyLimitError: { ...busy, args: () => ({ failedOnly: true }) },
    StorageUnavailableError: postgresAway('audit_events'),
  },
  updateBrand: {
    ValidationError: {
      args: () => ({ input: { forbiddenWords: [''] } }),
      code: 'VALIDATION',
      says: /^input\.forbiddenWords\.0: must have 1 to 100 characters, and has 0$/,
    },
    NotFoundError: {
      args: () => ({ id: encodeGlobalId('Brand', newId()) }),
      code: 'NOT_FOUND',
      says: /^Brand not found\. Check the id/,
    },
    ForbiddenError: forbidden('BRAND_MANAGE'),
    StorageUnavailableError: postgresAway('audit_events'),
  },
  setReadMode: {
    ValidationError: {
      args: () => ({ mode: 'PRIMARY', reason: ' ' }),
      code: 'VALIDATION',
      says: /^reason: must have 1 to 500 characters, and has 0$/,
    },
    ForbiddenError: forbidden('OPS_WRITE'),
    StorageUnavailableError: postgresAway('audit_events'),
  },
  acknowledgeAlert: {
    ValidationError: {
      args: () => ({ id: encodeGlobalId('Alert', newId()) }),
      code: 'VALIDATION',
      says: /^id: There is no such alert$/,
    },
    ForbiddenError: forbidden('OPS_WRITE'),
    StorageUnavailableError: postgresAway('alert_acknowledgements'),
  },
  backupCollections: {
    ValidationError: {
      args: () => ({ collections: ['payments'] }),
      code: 'VALIDATION',
      says: /^collections: has no payments; there are content_items and content_versions$/,
    },
    ForbiddenError: forbidden('OPS_WRITE'),
    StorageUnavailableError: postgresAway('archive_runs'),
  },
  recalculateQuota: {
    ValidationError: {
      args: () => ({ tenantId: encodeGlobalId('Tenant', newId()) }),
      code: 'VALIDATION',
      says: /^tenantId: There is no such tenant$/,
    },
    ForbiddenError: forbidden('OPS_WRITE'),
    StorageUnavailableError: postgresAway('content_storage_usage'),
  },
  restoreFromBackup: {
    ValidationError: {
      args: () => ({ input: { asOf: '2099-01-01T00:00:00Z' } }),
      code: 'VALIDATION',
      says: /^input\.asOf: is in the future: 2099-.* Leave out what is not there yet$/,
    },
    ForbiddenError: forbidden('BACKUP_RESTORE'),
    ConcurrencyLimitError: {
      prepare: ({ gateway, tenant }) => askForRestore(gateway, tenant),
      code: 'CONCURRENCY_LIMIT',
      says: /^1 jobs are not over yet, and 1 are allowed at a time\. Wait until the restore is over\.$/,
    },
    StorageUnavailableError: postgresAway('restore_jobs'),
  },
  runBackupSync: {
    ForbiddenError: forbidden('OPS_WRITE'),
    StorageUnavailableError: postgresAway('backup_outbox'),
  },
}

/** Members that a union has for another mutation's sake, and why this one never ends in them. */
const impossible: Record<string, Record<string, string>> = {
  createContents: { NotFoundError: 'it names no content' },
  publishContent: { QuotaExceededError: 'it stores no more bytes' },
  scheduleContent: { QuotaExceededError: 'it stores no more bytes' },
  unpublishContent: { QuotaExceededError: 'it stores no more bytes' },
  archiveContent: { QuotaExceededError: 'it stores no more bytes' },
  runBackupSync: { ValidationError: 'it takes nothing' },
  deleteLlmKey: { ValidationError: 'it takes nothing but an id' },
  revokeApiKey: { ValidationError: 'it takes nothing but an id' },
  generateContentBatch: { NotFoundError: 'it names no job' },
  pinVersion: {
    ConflictError: 'it makes no version',
    QuotaExceededError: 'it stores no more bytes',
  },
}

const members = ({ field }: Coordinate): string[] => {
  const result = getNamedType(field.type)
  const types = isUnionType(result) ? result.getTypes() : []
  return types.map(({ name }) => name).filter((name) => name.endsWith('Error'))
}

test('every error of every mutation has a case', () => {
  for (const mutation of mutations) {
    const { name } = mutation.field
    const known = [...Object.keys(cases[name] ?? {}), ...Object.keys(impossible[name] ?? {})]
    expect({ name, errors: known.toSorted() }).toEqual({
      name,
      errors: members(mutation).toSorted(),
    })
    expect(members(mutation)).not.toEqual([])
  }
  expect(Object.keys(cases).toSorted()).toEqual(mutations.map(({ field }) => field.name).toSorted())
})

test('no union has a member that none of its mutations ends in', () => {
  for (const mutation of mutations) {
    const siblings = mutations.filter(
      ({ field }) => String(field.type) === String(mutation.field.type),
    )
    for (const error of Object.keys(impossible[mutation.field.name] ?? {})) {
      const producers = siblings.filter(({ field }) => cases[field.name]?.[error])
      expect({ error, producers }).not.toEqual({ error, producers: [] })
    }
  }
})

test.for(mutations)('$field.name ends in each of its errors', async (mutation) => {
  await using gateway = await startGateway({ LOG_LEVEL: 'silent' }, { bigquery: true })
  const { name } = mutation.field
  for (const [error, one] of Object.entries(cases[name] ?? {})) {
    const { tenant, ids } = await furnish(gateway, 'OWN')
    const world = { gateway, tenant, ids }
    await one.prepare?.(world)
    const args = { ...entries[mutation.name]?.(ids), ...(await one.args?.(world)) }
    await using other = (await one.through?.(world)) ?? null
    const who = one.as ? tenant.tokens[one.as] : tenant

    const answer = await (other ?? gateway).query<Values, Values>(
      who,
      operationFor(schema, mutation, 1),
      args,
    )

    gateway.zerodb.faults.clear()
    for (const unlock of locks.splice(0)) await unlock()
    expect({ error, errors: answer.errors }).toEqual({ error, errors: undefined })
    expect(answer.data?.[name]).toMatchObject({
      __typename: error,
      code: one.code,
      message: expect.stringMatching(one.says) as string,
    })
  }
})
