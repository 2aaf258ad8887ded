import { expect, test } from 'vitest'
import { encodeGlobalId } from '../../../src/graphql/global-id.ts'
import { newId } from '../../../src/lib/id.ts'
import { keyScopes, scopes } from '../../../src/lib/viewer.ts'
import {
  createTestKey,
  revokeTestKey,
  rotateTestKey,
  tryToCreateKey,
} from '../../support/api-keys.ts'
import { brandOf, createTestContents } from '../../support/contents.ts'
import { startGateway } from '../../support/gateway.ts'
import { graphql } from '../../support/gql/gql.ts'
import {
  createOne,
  draft,
  newContent,
  publishOne,
  succeeded,
  updateOne,
} from '../../support/writes.ts'

const viewerDocument = graphql(`
  query ViewerOfKey {
    viewer {
      user {
        id
      }
      tenant {
        databaseId
      }
      scopes
      brands {
        name
      }
      apiKey {
        id
        name
        prefix
        brands {
          name
        }
        costLimit
        restorePerSecond
      }
    }
  }
`)

const listDocument = graphql(`
  query ApiKeysForTest {
    apiKeys {
      id
      name
      scopes
      brands {
        name
      }
      expiresAt
      lastUsedAt
      revokedAt
      costLimit
      restorePerSecond
      trustedDocumentsOnly
      allowedIps
    }
  }
`)

const auditDocument = graphql(`
  query AuditOfKeys {
    auditEvents {
      nodes {
        action
        actor {
          displayName
        }
        apiKey {
          name
        }
        before
        after
      }
    }
  }
`)

test('who comes with a key is the key: of its tenant, with its scopes, and nobody in person', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const key = await createTestKey(gateway, tenant, { scopes: ['CONTENT_READ', 'QUOTA_READ'] })

  const { data, errors } = await gateway.query(key.secret, viewerDocument)

  expect(errors).toBeUndefined()
  expect(data?.viewer).toEqual({
    user: null,
    tenant: { databaseId: tenant.id },
    scopes: ['CONTENT_READ', 'QUOTA_READ'],
    brands: [{ name: 'Test brand' }],
    apiKey: {
      id: key.id,
      name: 'Test key',
      prefix: key.secret.slice(0, 40),
      brands: null,
      costLimit: 10_000,
      restorePerSecond: 500,
    },
  })
  const person = await gateway.query(tenant, viewerDocument)
  expect(person.data?.viewer).toMatchObject({ apiKey: null })
})

test('a key is found with two questions, and for five seconds with none', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const key = await createTestKey(gateway, tenant)
  const costs = []
  for (let count = 0; count < 3; count++) {
    costs.push((await gateway.explain(key.secret, '{ viewer { scopes } }')).postgres)
  }
  expect(costs).toEqual([2, 0, 0])
})

test('a key is kept as it was asked for, and those that are revoked come last', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const plain = await createTestKey(gateway, tenant, { name: ' Plain ' })
  const narrow = {
    name: 'Narrow',
    scopes: ['CONTENT_READ' as const, 'CONTENT_WRITE' as const],
    expiresAt: '2099-01-01T00:00:00.000Z',
    trustedDocumentsOnly: true,
    allowedIps: ['203.0.113.7', '2001:db8::/32'],
    costLimit: 2_000,
  }
  await createTestKey(gateway, tenant, { ...narrow, brandIds: [brandOf(tenant).brandId] })
  const gone = await createTestKey(gateway, tenant, { name: 'Gone' })
  await revokeTestKey(gateway, tenant, gone)

  const { data } = await gateway.query(tenant, listDocument)

  const unset = { lastUsedAt: null, revokedAt: null }
  expect(data?.apiKeys).toMatchObject([
    { ...narrow, brands: [{ name: 'Test brand' }], restorePerSecond: 100, ...unset },
    {
      id: plain.id,
      name: 'Plain',
      scopes: ['CONTENT_READ'],
      brands: null,
      expiresAt: null,
      costLimit: 10_000,
      restorePerSecond: 500,
      trustedDocumentsOnly: false,
      allowedIps: null,
      ...unset,
    },
    { name: 'Gone', revokedAt: expect.any(String) as string },
  ])
})

test('what breaks a rule makes no key, and the answer says where', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const { brandId } = brandOf(tenant)
  const wrong: [Parameters<typeof tryToCreateKey>[2], string[][]][] = [
    [{ name: '' }, [['name']]],
    [{ name: ' \t' }, [['name']]],
    [{ name: 'x'.repeat(101) }, [['name']]],
    [{ scopes: [] }, [['scopes']]],
    [{ scopes: ['VERSION_READ'] }, [['scopes']]],
    [{ brandIds: [] }, [['brandIds']]],
    [{ brandIds: Array<string>(101).fill(brandId) }, [['brandIds']]],
    [{ expiresAt: new Date(Date.now() - 1).toISOString() }, [['expiresAt']]],
    [{ costLimit: 1_999 }, [['costLimit']]],
    [{ costLimit: 1_000_001 }, [['costLimit']]],
    [{ allowedIps: [] }, [['allowedIps']]],
    [{ allowedIps: Array<string>(101).fill('192.0.2.1') }, [['allowedIps']]],
    [{ allowedIps: ['192.0.2.1', 'localhost'] }, [['allowedIps', '1']]],
    [{ name: '', costLimit: 0 }, [['name'], ['costLimit']]],
  ]
  for (const scope of scopes.filter((each) => !(keyScopes as readonly string[]).includes(each))) {
    wrong.push([{ scopes: ['CONTENT_READ', scope] }, [['scopes']]])
  }
  for (const [input, paths] of wrong) {
    expect({ input, result: await tryToCreateKey(gateway, tenant, input) }).toMatchObject({
      input,
      result: {
        __typename: 'ValidationError',
        issues: paths.map((path) => ({ path: ['input', ...path] })),
      },
    })
  }
  const other = await gateway.newTenant({ name: 'Other' })
  for (const id of [brandOf(other).brandId, encodeGlobalId('Brand', newId())]) {
    const result = await tryToCreateKey(gateway, tenant, { brandIds: [brandId, id] })
    expect(result).toMatchObject({ __typename: 'NotFoundError' })
  }
  const { data } = await gateway.query(tenant, listDocument)
  expect(data?.apiKeys).toEqual([])
})

test('every scope that a key may hold can be given, and none that its maker does not hold', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const { secret } = await createTestKey(gateway, tenant, { scopes: [...keyScopes] })
  const { data } = await gateway.query(secret, viewerDocument)
  expect(data?.viewer?.scopes.toSorted()).toEqual([...keyScopes].toSorted())

  const maker = await gateway.signToken({
    subject: 'owner@test',
    tenantId: tenant.id,
    scope: 'APIKEY_MANAGE CONTENT_READ',
  })
  expect(await tryToCreateKey(gateway, maker, {})).toMatchObject({ __typename: 'ApiKeySuccess' })
  expect(
    await tryToCreateKey(gateway, maker, { scopes: ['CONTENT_READ', 'CONTENT_WRITE'] }),
  ).toMatchObject({ __typename: 'ForbiddenError', requiredScopes: ['CONTENT_WRITE'] })
  for (const who of [tenant.tokens.editor, tenant.tokens.viewer]) {
    const result = await tryToCreateKey(gateway, who, {})
    expect(result).toMatchObject({ __typename: 'ForbiddenError' })
  }
})

test('a tenant has a hundred keys at most that are not revoked', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const first = await createTestKey(gateway, tenant)
  await gateway.database.admin.query(
    `insert into api_keys (tenant_id, id, name, scopes, secret_hash, cost_limit,
       trusted_documents_only)
     select tenant_id, gen_random_uuid(), n::text, scopes, secret_hash, cost_limit, false
     from api_keys, generate_series(1, 98) n`,
  )
  const attempt = () => tryToCreateKey(gateway, tenant, {})
  const names = (await Promise.all([attempt(), attempt()])).map((result) => result.__typename)
  expect(names.toSorted()).toEqual(['ApiKeySuccess', 'ValidationError'])
  await revokeTestKey(gateway, tenant, first)
  expect((await attempt()).__typename).toBe('ApiKeySuccess')
  expect((await attempt()).__typename).toBe('ValidationError')
})

test('a key of one brand meets the contents of others nowhere', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant({
    brands: [
      { name: 'Mine', campaignSpaces: ['My space'] },
      { name: 'HIDDEN', campaignSpaces: ['HIDDEN space'] },
    ],
  })
  const [mine, hidden] = tenant.brands.map(({ id }) => encodeGlobalId('Brand', id))
  const scoped = { scopes: ['CONTENT_READ' as const, 'CONTENT_READ_DRAFT' as const] }
  const key = await createTestKey(gateway, tenant, { ...scoped, brandIds: [mine ?? ''] })
  const inBrand = (brandId = '', title: string) => ({ brandId, campaignSpaceId: null, title })
  const seen = await newContent(gateway, tenant, inBrand(mine, 'Seen'))
  const unseen = await newContent(gateway, tenant, inBrand(hidden, 'HIDDEN'))

  const { text, data } = await gateway.query<{ contents: { nodes: object[] } }, object>(
    key.secret,
    `{ contents { nodes { id } } viewer { brands { name contents { nodes { title } } } }
       node(id: "${hidden}") { id } nodes(ids: ["${unseen}", "${seen}"]) { id }
       content(ref: { id: "${unseen}" }) { title } }`,
  )

  expect(data).toMatchObject({
    contents: { nodes: [{ id: seen }] },
    node: null,
    nodes: [null, { id: seen }],
    content: null,
  })
  expect(text).not.toContain('HIDDEN')
})

test('a key that reads no drafts meets none on any edge', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const scopesOfKey = [
    'CONTENT_READ',
    'CONTENT_WRITE',
    'CONTENT_DELETE',
    'CONTENT_PUBLISH',
  ] as const
  const key = await createTestKey(gateway, tenant, { scopes: [...scopesOfKey] })
  const [shown = '', hidden = '', trashed = ''] = await createTestContents(
    gateway,
    tenant,
    3,
    (index) => ({
      title: index === 0 ? 'Shown' : 'HIDDEN',
      body: { format: 'TEXT', raw: index === 0 ? 'Shown' : 'HIDDEN' },
      externalRef: { system: 'crm', id: `${index}` },
    }),
  )
  succeeded(await publishOne(gateway, tenant, shown))
  await gateway.query(
    tenant,
    `mutation { deleteContent(ref: { id: "${trashed}" }) { __typename } }`,
  )
  const { brandId, campaignSpaceId } = brandOf(tenant)
  const fields = 'id title preview body { raw }'
  const ways = [
    `{ contents { nodes { ${fields} } totalCount { value } } }`,
    `{ contents(where: { status: [DRAFT, ARCHIVED, SCHEDULED] }) { nodes { ${fields} } } }`,
    `{ contents(deleted: ONLY) { nodes { ${fields} } } }`,
    ...[hidden, trashed].flatMap((id) => [
      `{ content(ref: { id: "${id}" }) { ${fields} } }`,
      `{ node(id: "${id}") { ... on Content { ${fields} } } }`,
      `{ nodes(ids: ["${shown}", "${id}"]) { ... on Content { ${fields} } } }`,
    ]),
    `{ content(ref: { externalRef: { system: "crm", id: "1" } }) { ${fields} } }`,
    `{ node(id: "${brandId}") { ... on Brand { contents { nodes { ${fields} } } } } }`,
    `{ campaignSpace(id: "${campaignSpaceId}") { contents { nodes { ${fields} } } } }`,
    `{ content(ref: { id: "${shown}" }) { versions { nodes { id } } } }`,
    `mutation { archiveContent(ref: { id: "${hidden}" }) { ... on ContentSuccess { content { ${fields} } } } }`,
  ]
  for (const way of ways) {
    const { text } = await gateway.query(key.secret, way)
    expect({ way, text }).toMatchObject({ text: expect.not.stringContaining('HIDDEN') as string })
    expect(text).not.toContain('GRAPHQL_VALIDATION_FAILED')
    expect((await gateway.query(tenant, way)).errors).toBeUndefined()
  }
  const { data } = await gateway.query<
    { contents: { nodes: object[]; totalCount: { value: number } } },
    object
  >(key.secret, ways[0] ?? '')
  expect(data?.contents).toMatchObject({ nodes: [{ id: shown }], totalCount: { value: 1 } })
  const update = await updateOne(gateway, key.secret, hidden, { title: 'Taken' })
  expect(update).toMatchObject({ __typename: 'NotFoundError' })
})

test('a key does what its scopes allow and nothing else', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const reader = await createTestKey(gateway, tenant)
  const writer = await createTestKey(gateway, tenant, {
    scopes: ['CONTENT_READ', 'CONTENT_READ_DRAFT', 'CONTENT_WRITE'],
  })
  const { content } = succeeded(await createOne(gateway, writer.secret, draft(brandOf(tenant))))
  const attempts = [
    updateOne(gateway, reader.secret, content.id, { title: 'Other' }),
    publishOne(gateway, writer.secret, content.id),
  ]
  for (const result of await Promise.all(attempts)) {
    expect(result).toMatchObject({ __typename: 'ForbiddenError' })
  }
  const updated = await updateOne(gateway, writer.secret, content.id, { title: 'Other' })
  expect(updated).toMatchObject({ __typename: 'ContentSuccess' })
  const quota = await gateway.query(writer.secret, '{ quota { planTier } }')
  expect(quota.errors?.[0]?.extensions).toMatchObject({ code: 'FORBIDDEN' })
  const makes = `mutation { createApiKey(input: { name: "A", scopes: [CONTENT_READ] }) { __typename } }`
  for (const query of ['{ auditEvents { nodes { id } } }', '{ apiKeys { id } }', makes]) {
    const { data, errors } = await gateway.query(writer.secret, query)
    expect({ data, code: errors?.[0]?.extensions?.['code'] }).toEqual({ code: 'BAD_USER_INPUT' })
  }
})

test('the audit names the key that did it, and tells no secret of keys that are made', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const key = await createTestKey(gateway, tenant, {
    name: 'Shop',
    scopes: ['CONTENT_READ', 'CONTENT_WRITE'],
  })
  succeeded(await createOne(gateway, key.secret, draft(brandOf(tenant))))
  await rotateTestKey(gateway, tenant, key, 60)
  await revokeTestKey(gateway, tenant, key)
  await revokeTestKey(gateway, tenant, key)

  const { data } = await gateway.query(tenant, auditDocument)

  const owner = { actor: { displayName: 'The owner' }, apiKey: null }
  expect(data?.auditEvents.nodes).toMatchObject([
    { action: 'revokeApiKey', ...owner },
    { action: 'rotateApiKey', ...owner },
    { action: 'createContent', actor: null, apiKey: { name: 'Shop' } },
    {
      action: 'createApiKey',
      ...owner,
      before: null,
      after: {
        name: 'Shop',
        scopes: ['CONTENT_READ', 'CONTENT_WRITE'],
        brandIds: null,
        expiresAt: null,
        trustedDocumentsOnly: false,
        allowedIps: null,
        costLimit: 10_000,
      },
    },
  ])
})
