import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import { openLlmKey } from '../../../src/features/llm-keys/open-llm-key.ts'
import { rejectLlmKey } from '../../../src/features/llm-keys/reject-llm-key.ts'
import { decodeGlobalId, encodeGlobalId } from '../../../src/graphql/global-id.ts'
import { newId } from '../../../src/lib/id.ts'
import { canary, expectNoCanaries } from '../../support/canaries.ts'
import { startGateway, type TestGateway, type TestTenant } from '../../support/gateway.ts'
import { graphql } from '../../support/gql/gql.ts'
import { setTestLlmKey } from '../../support/llm-keys.ts'

const setDocument = graphql(`
  mutation SetLlmKey($provider: LlmProvider!, $label: String!, $secret: String!) {
    setLlmKey(provider: $provider, label: $label, secret: $secret) {
      __typename
      ... on LlmKeySuccess {
        key {
          id
          provider
          label
          last4
          createdAt
          lastUsedAt
          valid
        }
      }
      ... on Error {
        code
        message
      }
      ... on ValidationError {
        issues {
          path
          code
          message
        }
      }
      ... on ForbiddenError {
        requiredScopes
      }
    }
  }
`)

const deleteDocument = graphql(`
  mutation DeleteLlmKey($id: ID!) {
    deleteLlmKey(id: $id) {
      __typename
      ... on DeletedIds {
        ids
      }
      ... on Error {
        code
        message
      }
    }
  }
`)

const listDocument = graphql(`
  query LlmKeys {
    llmKeys {
      id
      provider
      label
      last4
      lastUsedAt
      valid
    }
  }
`)

async function list(gateway: TestGateway, tenant: TestTenant) {
  const { data, errors } = await gateway.query(tenant, listDocument)
  expect(errors).toBeUndefined()
  return data?.llmKeys
}

/** As the worker does. */
function open({ services }: TestGateway, { id: tenantId }: TestTenant, globalId: string) {
  return openLlmKey({ ...services, tenantId }, decodeGlobalId(globalId).id)
}

async function auditOf({ database }: TestGateway, { id }: TestTenant) {
  const { rows } = await database.admin.query<Record<string, unknown>>(
    `select action, subject_type, before, after, actor_user_id from audit_events
     where tenant_id = $1 and action like '%LlmKey' order by id`,
    [id],
  )
  return rows
}

test('a key is kept sealed, shown by its last four characters, and opened only by the worker', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const secret = canary('openai')
  const input = { provider: 'OPENAI' as const, label: ' Team key ', secret }

  const { data } = await gateway.query(tenant, setDocument, input)

  expect(data?.setLlmKey).toEqual({
    __typename: 'LlmKeySuccess',
    key: {
      id: expect.any(String),
      provider: 'OPENAI',
      label: 'Team key',
      last4: secret.slice(-4),
      createdAt: expect.any(String),
      lastUsedAt: null,
      valid: null,
    },
  })
  const [key] = (await list(gateway, tenant)) ?? []
  const opened = await open(gateway, tenant, key?.id ?? '')
  expect(opened).toMatchObject({ provider: 'openai', secret })
  expectNoCanaries(inspect(opened, { depth: 9, showHidden: true }), 'an opened key that is printed')
  expectNoCanaries(JSON.stringify({ opened }), 'an opened key as JSON')
  expect(await list(gateway, tenant)).toMatchObject([
    { lastUsedAt: expect.any(String), valid: true },
  ])
})

test('the same provider and label keep the key and replace its secret', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const secrets = [canary('first'), canary('second')] as const
  const id = await setTestLlmKey(gateway, tenant, { label: 'A', secret: secrets[0] })
  const first = await open(gateway, tenant, id)
  const { database } = gateway.services
  await rejectLlmKey({ database, tenantId: tenant.id }, first)
  expect(await list(gateway, tenant)).toMatchObject([{ valid: false }])

  expect(await setTestLlmKey(gateway, tenant, { label: 'A', secret: secrets[1] })).toBe(id)

  const replaced = { id, last4: secrets[1].slice(-4), lastUsedAt: null, valid: null }
  expect(await list(gateway, tenant)).toMatchObject([replaced])
  expect((await open(gateway, tenant, id)).secret).toBe(secrets[1])
  // The refusal of a secret that was replaced meanwhile.
  await rejectLlmKey({ database, tenantId: tenant.id }, first)
  expect(await list(gateway, tenant)).toMatchObject([{ valid: true }])
  const others = [
    await setTestLlmKey(gateway, tenant, { label: 'B' }),
    await setTestLlmKey(gateway, tenant, { label: 'A', provider: 'ANTHROPIC' }),
  ]
  expect(new Set([id, ...others]).size).toBe(3)
  expect((await list(gateway, tenant))?.map(({ provider, label }) => [provider, label])).toEqual([
    ['ANTHROPIC', 'A'],
    ['OPENAI', 'A'],
    ['OPENAI', 'B'],
  ])
})

test('many calls at once make one key, and the one that came last opens', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const secrets = Array.from({ length: 20 }, () => canary('race'))

  const ids = await Promise.all(
    secrets.map((secret) => setTestLlmKey(gateway, tenant, { label: 'Raced', secret })),
  )

  expect(new Set(ids).size).toBe(1)
  const [key] = (await list(gateway, tenant)) ?? []
  const { secret } = await open(gateway, tenant, key?.id ?? '')
  expect(secrets).toContain(secret)
  expect(secret.slice(-4)).toBe(key?.last4)
  expect(await auditOf(gateway, tenant)).toHaveLength(20)
})

test('a deleted key is gone, with its secret', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const id = await setTestLlmKey(gateway, tenant)

  const { data } = await gateway.query(tenant, deleteDocument, { id })

  expect(data?.deleteLlmKey).toEqual({ __typename: 'DeletedIds', ids: [id] })
  expect(await list(gateway, tenant)).toEqual([])
  await expect(open(gateway, tenant, id)).rejects.toMatchObject({ code: 'NOT_FOUND' })
  const again = await gateway.query(tenant, deleteDocument, { id })
  expect(again.data?.deleteLlmKey).toMatchObject({ __typename: 'NotFoundError' })
})

test('the audit tells who set, replaced and deleted which key, and no secret', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const secrets = [canary('a'), canary('b')] as const
  const id = await setTestLlmKey(gateway, tenant, { label: 'L', secret: secrets[0] })
  await setTestLlmKey(gateway, tenant, { label: 'L', secret: secrets[1] })
  await gateway.query(tenant, deleteDocument, { id })

  const about = { subject_type: 'LlmKey', actor_user_id: tenant.users[0]?.id }
  const [one, two] = secrets.map((secret) => ({
    provider: 'openai',
    label: 'L',
    last4: secret.slice(-4),
  }))
  expect(await auditOf(gateway, tenant)).toEqual([
    { ...about, action: 'setLlmKey', before: null, after: one },
    { ...about, action: 'setLlmKey', before: one, after: two },
    { ...about, action: 'deleteLlmKey', before: two, after: null },
  ])
})

test('only owners see and change keys, by list and by id', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const id = await setTestLlmKey(gateway, tenant)
  const input = { provider: 'OPENAI' as const, label: 'x', secret: canary('forbidden') }
  const byId = `{ node(id: "${id}") { ... on LlmKey { last4 } } }`

  expect((await gateway.query(tenant, byId)).data).toMatchObject({ node: { last4: /./ } })
  for (const token of [tenant.tokens.editor, tenant.tokens.viewer]) {
    const forbidden = { __typename: 'ForbiddenError' }
    const set = await gateway.query(token, setDocument, input)
    expect(set.data?.setLlmKey).toMatchObject({ ...forbidden, requiredScopes: ['LLMKEY_MANAGE'] })
    const deleted = await gateway.query(token, deleteDocument, { id })
    expect(deleted.data?.deleteLlmKey).toMatchObject(forbidden)
    for (const document of [byId, '{ llmKeys { last4 } }']) {
      const { errors, text } = await gateway.query(token, document)
      expect(errors?.map(({ extensions }) => extensions?.['code'])).toEqual(['FORBIDDEN'])
      expect(text).not.toContain('last4":"')
    }
  }
  expect(await list(gateway, tenant)).toHaveLength(1)
})

test("another tenant's key is one that nobody has, also for the worker", async () => {
  await using gateway = await startGateway()
  const [own, other] = [await gateway.newTenant(), await gateway.newTenant()]
  const foreign = await setTestLlmKey(gateway, other)
  const missing = encodeGlobalId('LlmKey', newId())

  const answers = []
  for (const id of [foreign, missing]) {
    answers.push((await gateway.query(own, deleteDocument, { id })).data)
    expect((await gateway.query(own, `{ node(id: "${id}") { id } }`)).data).toEqual({ node: null })
    await expect(open(gateway, own, id)).rejects.toMatchObject({ code: 'NOT_FOUND' })
  }
  expect(answers[0]).toEqual(answers[1])
  expect(await list(gateway, own)).toEqual([])
  expect(await list(gateway, other)).toHaveLength(1)
})

test('labels and secrets that cannot be right are refused by name', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const good = { provider: 'GOOGLE' as const, label: 'x', secret: canary('rules') }
  const mark = canary('rules')
  const wrong: [Partial<typeof good>, string[]][] = [
    [{ label: '' }, ['label']],
    [{ label: ' \t' }, ['label']],
    [{ label: 'x'.repeat(101) }, ['label']],
    [{ secret: 'x'.repeat(7) }, ['secret']],
    [{ secret: `${mark}${'x'.repeat(500)}` }, ['secret']],
    [{ secret: `${mark} x` }, ['secret']],
    [{ secret: `${mark}\n` }, ['secret']],
    [{ secret: `${mark}ü` }, ['secret']],
    [{ label: '', secret: '' }, ['label', 'secret']],
  ]
  for (const [fields, paths] of wrong) {
    const { data } = await gateway.query(tenant, setDocument, { ...good, ...fields })
    expect(data?.setLlmKey).toMatchObject({
      __typename: 'ValidationError',
      issues: paths.map((path) => ({ path: [path] })),
    })
  }
  expect(await list(gateway, tenant)).toEqual([])
  expect(await auditOf(gateway, tenant)).toEqual([])
})

test('a tenant has a hundred keys at most, and can replace each of them', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  await setTestLlmKey(gateway, tenant, { label: '0' })
  await gateway.database.admin.query(
    `insert into llm_keys (tenant_id, id, provider, label, last4, data_key_id, sealed_secret)
     select tenant_id, gen_random_uuid(), provider, n::text, last4, data_key_id, sealed_secret
     from llm_keys, generate_series(1, 98) n`,
  )
  const secret = canary('crowd')
  const results = await Promise.all(
    ['a', 'b', '0'].map((label) =>
      gateway.query(tenant, setDocument, { provider: 'OPENAI', label, secret }),
    ),
  )

  const names = results.map(({ data }) => data?.setLlmKey.__typename)
  expect(new Set(names.slice(0, 2))).toEqual(new Set(['LlmKeySuccess', 'ValidationError']))
  expect(names[2]).toBe('LlmKeySuccess')
  expect(await list(gateway, tenant)).toHaveLength(100)
})

test('the last use is noted once a minute at most', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const id = await setTestLlmKey(gateway, tenant)
  await open(gateway, tenant, id)
  const [first] = (await list(gateway, tenant)) ?? []
  await open(gateway, tenant, id)
  expect((await list(gateway, tenant))?.[0]?.lastUsedAt).toBe(first?.lastUsedAt)

  await gateway.database.admin.query(
    `update llm_keys set last_used_at = now() - interval '61 seconds'`,
  )
  await open(gateway, tenant, id)
  const [later] = (await list(gateway, tenant)) ?? []
  expect(Date.parse(later?.lastUsedAt ?? '')).toBeGreaterThanOrEqual(
    Date.parse(first?.lastUsedAt ?? ''),
  )
})
