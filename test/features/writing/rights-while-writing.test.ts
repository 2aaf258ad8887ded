import { expect, test, vi } from 'vitest'
import { createTestKey } from '../../support/api-keys.ts'
import { brandOf, createTestContents } from '../../support/contents.ts'
import { startGateway, type TestGateway, type TestTenant } from '../../support/gateway.ts'

const ways: Record<string, (tenant: TestTenant) => [sql: string, values: unknown[]]> = {
  'the role is taken away': ({ id }) => [
    `update users set role = 'viewer' where tenant_id = $1 and role = 'editor'`,
    [id],
  ],
  'the person is disabled': ({ id }) => [
    `update users set disabled_at = now() where tenant_id = $1 and role = 'editor'`,
    [id],
  ],
  'the brand is taken away': ({ id }) => [`delete from brand_members where tenant_id = $1`, [id]],
}

async function stateOf({ database }: TestGateway, { id }: TestTenant) {
  const { rows } = await database.admin.query(
    `select (select count(*)::integer from content_versions where tenant_id = $1) as versions,
       (select count(*)::integer from content_write_intents
        where tenant_id = $1 and state = 'pending') as pending,
       (select count(*)::integer from backup_outbox where tenant_id = $1) as outbox,
       (select array_agg(title order by title) from content_items where tenant_id = $1) as titles,
       reserved_bytes::integer as reserved, total_storage_bytes::integer as used
     from content_storage_usage where tenant_id = $1`,
    [id],
  )
  return rows[0] as { pending: number }
}

test.each(Object.entries(ways))(
  'when %s during the call of ZeroDB, nothing is written',
  async (_way, change) => {
    await using gateway = await startGateway()
    const tenant = await gateway.newTenant()
    const { brandId } = brandOf(tenant)
    const [content] = await createTestContents(gateway, tenant, 1, () => ({ brandId }))
    const before = await stateOf(gateway, tenant)
    gateway.zerodb.faults.add({ operation: 'insert', kind: 'latency', ms: 1_000 })

    for (const mutation of [
      `createContent(input: { title: "New", brandId: "${brandId}", body: { raw: "New", format: TEXT } })`,
      `updateContent(input: { ref: { id: "${content}" }, body: { raw: "${'New '.repeat(100)}", format: TEXT } })`,
      `createContents(errorPolicy: REJECT_FAILED, inputs: [{ title: "New", brandId: "${brandId}", body: { raw: "New", format: TEXT } }])`,
    ]) {
      // Under way with the rights of the editor, who gets them back for the next round.
      const answer = gateway.query(
        tenant.tokens.editor,
        `mutation { written: ${mutation} { __typename ... on ForbiddenError { message } } }`,
      )
      await vi.waitFor(async () => expect((await stateOf(gateway, tenant)).pending).toBe(1))
      await gateway.database.admin.query(...change(tenant))
      expect((await answer).data).toEqual({
        written: {
          __typename: 'ForbiddenError',
          message: expect.stringContaining('Nothing was changed'),
        },
      })
      expect(await stateOf(gateway, tenant)).toEqual(before)
      await restore(gateway, tenant)
    }
  },
)

async function restore({ database: { admin } }: TestGateway, tenant: TestTenant) {
  const editor = tenant.users.find(({ role }) => role === 'editor')
  await admin.query(
    `update users set role = 'editor', disabled_at = null where tenant_id = $1 and id = $2`,
    [tenant.id, editor?.id],
  )
  await admin.query(
    `insert into brand_members (tenant_id, brand_id, user_id) values ($1, $2, $3)
     on conflict do nothing`,
    [tenant.id, tenant.brands[0]?.id, editor?.id],
  )
}

test('when a key is revoked or held to less during the call of ZeroDB, nothing is written', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const { brandId } = brandOf(tenant)
  const before = await stateOf(gateway, tenant)
  gateway.zerodb.faults.add({ operation: 'insert', kind: 'latency', ms: 1_000 })
  for (const change of [
    'revoked_at = now()',
    `expires_at = now() - interval '1 second'`,
    `scopes = array['CONTENT_READ']`,
    'brand_ids = array[gen_random_uuid()]',
  ]) {
    const key = await createTestKey(gateway, tenant, { scopes: ['CONTENT_READ', 'CONTENT_WRITE'] })
    const answer = gateway.query(
      key.secret,
      `mutation { createContent(input: { title: "New", brandId: "${brandId}", body: { raw: "New", format: TEXT } }) { __typename } }`,
    )
    await vi.waitFor(async () => expect((await stateOf(gateway, tenant)).pending).toBe(1))
    await gateway.database.admin.query(`update api_keys set ${change} where tenant_id = $1`, [
      tenant.id,
    ])
    expect((await answer).data).toEqual({ createContent: { __typename: 'ForbiddenError' } })
    expect(await stateOf(gateway, tenant)).toEqual(before)
  }
})

test('rights that a write does not need may go while it is under way', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  gateway.zerodb.faults.add({ operation: 'insert', kind: 'latency', ms: 500 })
  const answer = gateway.query(
    tenant,
    `mutation { createContent(input: { title: "New", body: { raw: "New", format: TEXT } }) { __typename } }`,
  )
  await vi.waitFor(async () => expect((await stateOf(gateway, tenant)).pending).toBe(1))
  await gateway.database.admin.query(
    `update users set role = 'editor' where tenant_id = $1 and role = 'owner'`,
    [tenant.id],
  )
  expect((await answer).data).toEqual({ createContent: { __typename: 'ContentSuccess' } })
})
