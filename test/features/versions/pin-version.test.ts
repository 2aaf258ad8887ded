import { expect, test } from 'vitest'
import { newId } from '../../../src/lib/id.ts'
import { encodeGlobalId } from '../../../src/graphql/global-id.ts'
import { startGateway, type TestGateway, type TestTenant } from '../../support/gateway.ts'
import { graphql } from '../../support/gql/gql.ts'
import { createVersions } from '../../support/versions.ts'

const pin = graphql(`
  mutation Pin($versionId: ID!, $pinned: Boolean!) {
    pinVersion(versionId: $versionId, pinned: $pinned) {
      __typename
      ... on VersionSuccess {
        version {
          versionNumber
          retention
          expiresAt
        }
        content {
          title
        }
      }
      ... on Error {
        code
        message
        path
      }
      ... on NotFoundError {
        id
      }
    }
  }
`)

async function idsOf({ database }: TestGateway, databaseId: string): Promise<string[]> {
  const { rows } = await database.admin.query<{ id: string }>(
    `select id from content_versions where content_id = $1 order by version_number`,
    [databaseId],
  )
  return rows.map(({ id }) => encodeGlobalId('ContentVersion', id))
}

async function auditOf({ database }: TestGateway, tenant: TestTenant) {
  const { rows } = await database.admin.query<Record<string, unknown>>(
    `select subject_type, before, after, actor_user_id from audit_events
     where tenant_id = $1 and action = 'pinVersion' order by id`,
    [tenant.id],
  )
  return rows
}

test('a version is pinned and let go again, each once and each in the audit', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const content = await createVersions(gateway, tenant, 'one', ['1', '2'])
  const [versionId = ''] = await idsOf(gateway, content.databaseId)
  const answers = []
  for (const pinned of [true, true, false, false]) {
    answers.push(await gateway.query(tenant.tokens.editor, pin, { versionId, pinned }))
  }

  const [pinned, again, released, againReleased] = answers.map(({ data }) => data?.pinVersion)
  expect(pinned).toEqual({
    __typename: 'VersionSuccess',
    version: { versionNumber: 1, retention: 'PINNED', expiresAt: null },
    content: { title: 'one' },
  })
  expect(again).toEqual(pinned)
  expect(released).toMatchObject({ version: { retention: 'HOT', expiresAt: expect.any(String) } })
  expect(againReleased).toEqual(released)
  const actor = { subject_type: 'ContentVersion', actor_user_id: tenant.users[1]?.id }
  expect(await auditOf(gateway, tenant)).toEqual([
    { ...actor, before: { pinned: false }, after: { pinned: true } },
    { ...actor, before: { pinned: true }, after: { pinned: false } },
  ])
})

test('an expired version cannot be pinned', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const content = await createVersions(gateway, tenant, 'one', ['1', '2'])
  const [versionId = ''] = await idsOf(gateway, content.databaseId)
  await gateway.database.admin.query(
    `update content_versions set expired_at = now() where version_number = 1`,
  )

  const { data } = await gateway.query(tenant, pin, { versionId, pinned: true })

  expect(data?.pinVersion).toMatchObject({
    __typename: 'ValidationError',
    path: ['versionId'],
    message: expect.stringContaining('Version 1 has expired'),
  })
  expect(await auditOf(gateway, tenant)).toEqual([])
})

test('a version that is missing, of another tenant or of another brand is not found', async () => {
  await using gateway = await startGateway()
  const [tenant, other] = [await gateway.newTenant(), await gateway.newTenant()]
  const foreign = await createVersions(gateway, other, 'one', ['1', '2'])
  const [foreignId = ''] = await idsOf(gateway, foreign.databaseId)
  const missingId = encodeGlobalId('ContentVersion', newId())
  const branded = await createVersions(gateway, tenant, 'one', ['1', '2'])
  const [brandedId = ''] = await idsOf(gateway, branded.databaseId)
  await gateway.database.admin.query(
    `with theirs as (
       insert into brands (tenant_id, id, name) values ($1, gen_random_uuid(), 'Theirs') returning id
     )
     update content_items set brand_id = theirs.id from theirs where content_items.id = $2`,
    [tenant.id, branded.databaseId],
  )

  for (const versionId of [foreignId, missingId, brandedId]) {
    const { data } = await gateway.query(tenant.tokens.editor, pin, { versionId, pinned: true })
    expect(data?.pinVersion).toMatchObject({
      __typename: 'NotFoundError',
      message: 'Version not found. Check the id; what is there may also be out of your reach.',
      id: versionId,
    })
  }
  const { rows } = await gateway.database.admin.query(
    'select from content_versions where pinned_at is not null',
  )
  expect(rows).toHaveLength(0)
})

test('whoever only reads cannot pin', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const content = await createVersions(gateway, tenant, 'one', ['1', '2'])
  const [versionId = ''] = await idsOf(gateway, content.databaseId)

  const { data } = await gateway.query(tenant.tokens.viewer, pin, { versionId, pinned: true })

  expect(data?.pinVersion).toMatchObject({ __typename: 'ForbiddenError', code: 'FORBIDDEN' })
})
