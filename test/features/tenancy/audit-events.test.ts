import { expect, test } from 'vitest'
import { type AuditRecord, recordAudit } from '../../../src/features/tenancy/record-audit.ts'
import { encodeGlobalId } from '../../../src/graphql/global-id.ts'
import { newId } from '../../../src/lib/id.ts'
import { startGateway, type TestGateway, type TestTenant } from '../../support/gateway.ts'
import { graphql } from '../../support/gql/gql.ts'

const auditDocument = graphql(`
  query AuditEvents($subjectId: ID, $actorId: ID, $first: Int, $after: String) {
    auditEvents(subjectId: $subjectId, actorId: $actorId, first: $first, after: $after) {
      nodes {
        id
        at
        actor {
          displayName
        }
        action
        subjectId
        before
        after
        requestId
        ip
      }
      pageInfo {
        hasNextPage
        hasPreviousPage
        endCursor
      }
    }
  }
`)

const origin = { requestId: 'request-1', ip: '192.0.2.1', apiKeyId: null }

/** What a use case does within its transaction; by the gateway itself unless `userId` says who. */
function record(
  { services: { database } }: TestGateway,
  { id: tenantId }: TestTenant,
  events: readonly AuditRecord[],
  userId: string | null = null,
) {
  return database.transaction(tenantId, (tx) =>
    recordAudit(tx, { tenantId, userId, origin }, events),
  )
}

const about = (id: string, action: string, type = 'Content'): AuditRecord => ({
  action,
  subject: { type, id },
  before: null,
  after: null,
})

async function list(
  gateway: TestGateway,
  tenant: TestTenant,
  variables: { subjectId?: string; actorId?: string; first?: number; after?: string | null } = {},
) {
  const { data, errors } = await gateway.query(tenant, auditDocument, variables)
  expect(errors).toBeUndefined()
  if (!data) throw new Error('no answer')
  return data.auditEvents
}

test('an event tells who did what to what, when, and from where', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const editor = tenant.users.find(({ role }) => role === 'editor')
  const id = newId()
  const before = { title: 'Old', at: new Date(0), quote: `"O'Neill" ? \\` }
  const change = { ...about(id, 'content.update'), before, after: { title: 'New' } }

  await record(gateway, tenant, [change], editor?.id)
  await record(gateway, tenant, [])

  const { nodes } = await list(gateway, tenant)
  expect(nodes).toEqual([
    {
      id: expect.any(String),
      at: expect.any(String),
      actor: { displayName: 'The editor' },
      action: 'content.update',
      subjectId: encodeGlobalId('Content', id),
      before: { ...before, at: before.at.toISOString() },
      after: { title: 'New' },
      requestId: 'request-1',
      ip: '192.0.2.1',
    },
  ])
  expect(Math.abs(Date.now() - Date.parse(nodes[0]?.at ?? ''))).toBeLessThan(60_000)
})

test('events come newest first, in pages that meet without gap or overlap', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const all = Array.from({ length: 120 }, (_, n) => `action.${n}`)
  const [early, late] = [all.slice(0, 70), all.slice(70)]
  await record(
    gateway,
    tenant,
    early.map((action) => about(newId(), action)),
  )
  await record(
    gateway,
    tenant,
    late.map((action) => about(newId(), action)),
  )

  const pages: string[][] = []
  for (let after: string | null | undefined = null; after !== undefined;) {
    const page = await list(gateway, tenant, { after })
    pages.push(page.nodes.map(({ action }) => action))
    expect(page.pageInfo.hasPreviousPage).toBe(after !== null)
    after = page.pageInfo.hasNextPage ? page.pageInfo.endCursor : undefined
  }

  expect(pages.map(({ length }) => length)).toEqual([50, 50, 20])
  expect(pages.flat()).toEqual(all.toReversed())
  expect((await list(gateway, tenant, { first: 3 })).nodes).toHaveLength(3)
})

test('a cursor of another list, a page too large and an id of nothing are refused', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const foreign = Buffer.from(JSON.stringify(['version', newId()])).toString('base64url')

  const wrong = [
    { after: foreign },
    { first: 101 },
    { subjectId: newId() },
    { subjectId: encodeGlobalId('Nothing', newId()) },
    { subjectId: encodeGlobalId('AuditEventEdge', newId()) },
    { actorId: encodeGlobalId('Content', newId()) },
  ]
  for (const variables of wrong) {
    const { errors } = await gateway.query(tenant, auditDocument, variables)
    expect(errors?.map(({ extensions }) => extensions?.['code'])).toEqual(['BAD_USER_INPUT'])
  }
})

test('events are found by what they were done to and by who did it', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  // Not the owner, whose reading is recorded too.
  const [, editor, viewer] = tenant.users
  const [one, two] = [newId(), newId()]
  await record(gateway, tenant, [about(one, 'a'), about(two, 'b')], viewer?.id)
  await record(gateway, tenant, [about(one, 'c'), about(one, 'd', 'Tenant')], editor?.id)
  const actionsOf = async (filter: Parameters<typeof list>[2]) =>
    (await list(gateway, tenant, filter)).nodes.map(({ action }) => action)

  const subjectId = encodeGlobalId('Content', one)
  const actorId = encodeGlobalId('User', viewer?.id ?? '')
  expect(await actionsOf({ subjectId })).toEqual(['c', 'a'])
  expect(await actionsOf({ subjectId: encodeGlobalId('Tenant', one) })).toEqual(['d'])
  expect(await actionsOf({ actorId })).toEqual(['b', 'a'])
  expect(await actionsOf({ subjectId, actorId })).toEqual(['a'])
  expect(await actionsOf({ actorId: encodeGlobalId('User', newId()) })).toEqual([])
})

test('only owners read the audit, by list and by id', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  await record(gateway, tenant, [about(newId(), 'SECRET')])
  const [event] = (await list(gateway, tenant)).nodes
  const byId = `{ node(id: "${event?.id}") { ... on AuditEvent { action } } }`

  expect((await gateway.query(tenant, byId)).data).toEqual({ node: { action: 'SECRET' } })
  for (const token of [tenant.tokens.editor, tenant.tokens.viewer]) {
    for (const document of [`{ auditEvents { nodes { action } } }`, byId]) {
      const { errors, text } = await gateway.query(token, document)
      expect(errors?.map(({ extensions }) => extensions?.['code'])).toEqual(['FORBIDDEN'])
      expect(text).not.toContain('SECRET')
    }
  }
})

test("another tenant's events are out of reach", async () => {
  await using gateway = await startGateway()
  const [own, other] = [await gateway.newTenant(), await gateway.newTenant()]
  const subject = newId()
  await record(gateway, other, [about(subject, 'SECRET')], other.users[0]?.id)
  const page = await list(gateway, other)

  const [event] = page.nodes
  const { data } = await gateway.query(own, `{ node(id: "${event?.id}") { id } }`)
  expect(data).toEqual({ node: null })
  const after = page.pageInfo.endCursor ?? ''
  const subjectId = encodeGlobalId('Content', subject)
  const actorId = encodeGlobalId('User', other.users[0]?.id ?? '')
  for (const filter of [{}, { subjectId }, { actorId }, { after }]) {
    expect((await list(gateway, own, filter)).nodes).toEqual([])
  }
})

test('what is recorded can be neither changed nor removed, not even by its own tenant', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  await record(gateway, tenant, [about(newId(), 'done')])
  const attempts = [
    `update audit_events set action = 'undone' where tenant_id = ?`,
    `delete from audit_events where tenant_id = ?`,
  ]

  for (const sql of attempts) {
    const attempt = gateway.services.database.transaction(tenant.id, (tx) =>
      tx.execute(sql, [tenant.id]),
    )
    await expect(attempt).rejects.toThrow('permission denied')
  }
  expect((await list(gateway, tenant)).nodes.map(({ action }) => action)).toEqual(['done'])
})

test('an event of a transaction that fails was never there', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const by = { tenantId: tenant.id, userId: null, origin }

  const failing = gateway.services.database.transaction(tenant.id, async (tx) => {
    await recordAudit(tx, by, [about(newId(), 'failed')])
    throw new Error('after all')
  })

  await expect(failing).rejects.toThrow('after all')
  expect((await list(gateway, tenant)).nodes).toEqual([])
})
