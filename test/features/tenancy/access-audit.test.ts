import { expect, test } from 'vitest'
import { createTestKey } from '../../support/api-keys.ts'
import { createTestContents } from '../../support/contents.ts'
import { startGateway, type TestGateway, type TestTenant } from '../../support/gateway.ts'

interface Recorded {
  action: string
  actor: string
  fields: string[]
  scopes: string[]
  requestId: string
}

/** What is recorded of accesses, the oldest first. */
async function accessesOf({ database }: TestGateway, { id }: TestTenant): Promise<Recorded[]> {
  const { rows } = await database.admin.query<Recorded>(
    `select a.action, u.role as actor, a.after -> 'fields' as fields,
       a.after -> 'requiredScopes' as scopes, a.request_id as "requestId"
     from audit_events a left join users u on u.tenant_id = a.tenant_id and u.id = a.actor_user_id
     where a.tenant_id = $1 and a.action in ('denied', 'read') and a.subject_type = 'Tenant'
       and a.subject_id = $1 and a.before is null
     order by a.id`,
    [id],
  )
  return rows
}

const requestId = expect.any(String)

test('a denied operation leaves one event, whether it is refused in errors or as data', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const { viewer } = tenant.tokens
  const secret = 'SECRET of the caller'
  await gateway.query(viewer, `{ viewer { scopes } a: auditEvents { nodes { id } } }`)
  const create = `createContent(input: { title: "${secret}", body: { raw: "x", format: TEXT } }) { __typename }`
  await gateway.query(viewer, `mutation { a: ${create} b: ${create} }`)
  await gateway.query(viewer, `subscription { storeHealthChanged { store { state } } }`)

  const denied = { action: 'denied', actor: 'viewer', requestId }
  expect(await accessesOf(gateway, tenant)).toEqual([
    { ...denied, fields: ['Query.auditEvents'], scopes: ['OPS_READ'] },
    { ...denied, fields: ['Mutation.createContent'], scopes: ['CONTENT_WRITE'] },
    { ...denied, fields: ['Subscription.storeHealthChanged'], scopes: ['OPS_READ'] },
  ])
  const { rows } = await gateway.database.admin.query('select * from audit_events')
  expect(JSON.stringify(rows)).not.toContain(secret)
})

test('what only owners may read leaves one event an operation, and nothing else does', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const [content = ''] = await createTestContents(gateway, tenant, 1)
  for (const open of [
    '{ viewer { scopes } contents { nodes { title body { raw } } } }',
    '{ quota { planTier } }',
    '{ nothing }',
    `mutation { publishContent(ref: { id: "${content}" }) { __typename } }`,
  ]) {
    await gateway.query(tenant, open)
  }
  expect(await accessesOf(gateway, tenant)).toEqual([])

  await gateway.query(
    tenant,
    `query { ...Reads viewer { scopes } } fragment Reads on Query { first: alerts { kind } ... { storeHealth { store } } }`,
  )
  await gateway.query(tenant, '{ llmKeys { last4 } }')
  await gateway.query(tenant, 'subscription { storeHealthChanged { store { state } } }')
  const { data } = await gateway.query<{ auditEvents: { nodes: { id: string }[] } }, object>(
    tenant,
    '{ auditEvents { nodes { id } } }',
  )
  const event = data?.auditEvents.nodes[0]?.id
  await gateway.query(tenant, `{ node(id: "${event}") { ... on AuditEvent { action } } }`)

  const read = { action: 'read', actor: 'owner', requestId, scopes: ['OPS_READ'] }
  expect(await accessesOf(gateway, tenant)).toEqual([
    { ...read, fields: ['alerts', 'storeHealth', 'viewer'] },
    { ...read, fields: ['llmKeys'], scopes: ['LLMKEY_MANAGE'] },
    { ...read, fields: ['storeHealthChanged'] },
    { ...read, fields: ['auditEvents'] },
    { ...read, fields: ['node'] },
  ])
})

test('what a key was denied names the key', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const key = await createTestKey(gateway, tenant)
  const draft = `createContent(input: { title: "x", body: { raw: "x", format: TEXT } }) { __typename }`
  await gateway.query(key.secret, `mutation { ${draft} }`)
  const { rows } = await gateway.database.admin.query(
    `select a.actor_user_id as "userId", k.name from audit_events a
     join api_keys k on k.tenant_id = a.tenant_id and k.id = a.actor_api_key_id
     where a.action = 'denied'`,
  )
  expect(rows).toEqual([{ userId: null, name: 'Test key' }])
})

test('an event of an access carries the request id of its answer', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const response = await fetch(gateway.url, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${tenant.tokens.owner}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify({ query: '{ alerts { id } }' }),
  })
  expect(await accessesOf(gateway, tenant)).toMatchObject([
    { requestId: response.headers.get('x-request-id') },
  ])
})

test('of many denials of one viewer ten have an event of their own, and no other viewer pays', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const { viewer, editor } = tenant.tokens
  await Promise.all(
    Array.from({ length: 30 }, () => gateway.query(viewer, '{ storeHealth { store } }')),
  )
  await gateway.query(editor, '{ storeHealth { store } }')
  const actors = (await accessesOf(gateway, tenant)).map(({ actor }) => actor)
  expect(actors.filter((actor) => actor === 'viewer')).toHaveLength(10)
  expect(actors.filter((actor) => actor === 'editor')).toHaveLength(1)
})

test('events of accesses can be neither changed nor removed', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  await gateway.query(tenant.tokens.viewer, '{ storeHealth { store } }')
  for (const sql of [
    `update audit_events set after = null where tenant_id = ?`,
    `delete from audit_events where tenant_id = ?`,
    `truncate audit_events`,
  ]) {
    const attempt = gateway.services.database.transaction(tenant.id, (tx) =>
      tx.execute(sql, sql.includes('?') ? [tenant.id] : []),
    )
    await expect(attempt).rejects.toThrow('permission denied')
  }
  expect(await accessesOf(gateway, tenant)).toHaveLength(1)
})
