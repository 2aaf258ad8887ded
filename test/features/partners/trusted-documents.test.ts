import { expect, test } from 'vitest'
import { createTestKey } from '../../support/api-keys.ts'
import { type Answer, startGateway, type TestGateway } from '../../support/gateway.ts'
import { socketClient } from '../../support/live.ts'
import { trustDocuments, trustedSample } from '../../support/trusted-documents.ts'

const codesOf = ({ errors = [] }: Pick<Answer<unknown>, 'errors'>) =>
  errors.map(({ extensions }) => extensions?.['code'])

/** A request that is none of `gateway.query`'s: any members, over HTTP or as a stream. */
async function post(
  { url }: TestGateway,
  token: string,
  params: object,
  accept = 'application/json',
) {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json', accept }
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(params) })
  return response.text()
}

test('a document is asked for by its id, in each form that clients know and on each transport', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant({ name: 'Quay' })
  const [trusted] = await trustDocuments(gateway, tenant, [trustedSample])
  const sha256Hash = trusted?.documentId ?? ''
  const token = tenant.tokens.viewer
  const forms = [
    { documentId: sha256Hash },
    { documentId: `sha256:${sha256Hash}` },
    { documentId: sha256Hash, query: null },
    { extensions: { persistedQuery: { version: 1, sha256Hash } } },
    { query: '', extensions: { persistedQuery: { version: 1, sha256Hash } } },
  ]
  for (const form of forms) {
    expect(await post(gateway, token, form)).toContain('{"tenant":{"name":"Quay"}}')
    expect(await post(gateway, token, form, 'text/event-stream')).toContain('"name":"Quay"')
  }
  const results = socketClient(gateway.url, token).iterate({
    query: '',
    extensions: { persistedQuery: { version: 1, sha256Hash } },
  })
  expect((await results.next()).value).toMatchObject({
    data: { viewer: { tenant: { name: 'Quay' } } },
  })
})

test('an unknown id, another tenant’s and one that is none are told apart by nobody', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const other = await gateway.newTenant()
  const [theirs] = await trustDocuments(gateway, other, ['query Theirs { viewer { scopes } }'])
  const answers: string[] = []
  for (const documentId of [theirs?.documentId, '0'.repeat(64), 'x', `${'0'.repeat(64)}' or 1=1`]) {
    answers.push(await post(gateway, tenant.tokens.owner, { documentId }))
  }
  expect(answers[0]).toContain('PERSISTED_QUERY_NOT_FOUND')
  expect(new Set(answers).size).toBe(1)
})

test('a key that is held to trusted documents gets no text answered, people and other keys do', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const [trusted] = await trustDocuments(gateway, tenant, [trustedSample])
  const strict = await createTestKey(gateway, tenant, { trustedDocumentsOnly: true })
  const free = await createTestKey(gateway, tenant)
  expect(codesOf(await gateway.query(strict.secret, trustedSample))).toEqual([
    'TRUSTED_DOCUMENTS_ONLY',
  ])
  expect(await post(gateway, strict.secret, { documentId: trusted?.documentId })).not.toContain(
    'errors',
  )
  for (const who of [free.secret, tenant.tokens.viewer]) {
    expect(codesOf(await gateway.query(who, trustedSample))).toEqual([])
  }
  await using everywhere = await gateway.startTwin({ TRUSTED_DOCUMENTS_ONLY: 'true' })
  for (const who of [free.secret, tenant.tokens.owner]) {
    expect(codesOf(await everywhere.query(who, trustedSample))).toEqual(['TRUSTED_DOCUMENTS_ONLY'])
    expect(await post(everywhere, who, { documentId: trusted?.documentId })).not.toContain('errors')
  }
})

test('a text that is known costs no round trip, and its use is noted', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const [used] = await trustDocuments(gateway, tenant, [trustedSample])
  await trustDocuments(gateway, tenant, ['query Unused { viewer { scopes } }'])
  const list = `{ trustedDocuments { nodes { operationName lastUsedAt } } }`
  interface Listed {
    trustedDocuments: { nodes: { operationName: string; lastUsedAt: string | null }[] }
  }
  await post(gateway, tenant.tokens.viewer, { documentId: used?.documentId })
  await expect
    .poll(
      async () => (await gateway.query<Listed, object>(tenant, list)).data?.trustedDocuments.nodes,
    )
    .toEqual([
      { operationName: 'Unused', lastUsedAt: null },
      { operationName: 'Sample', lastUsedAt: expect.any(String) },
    ])
  await gateway.database.admin.query(
    `update trusted_documents set created_at = now() - interval '40 days'`,
  )
  const unused = await gateway.query<Listed, object>(
    tenant,
    `{ trustedDocuments(unusedForDays: 30) { nodes { operationName lastUsedAt } } }`,
  )
  expect(unused.data?.trustedDocuments.nodes).toEqual([
    { operationName: 'Unused', lastUsedAt: null },
  ])

  // The second time the text comes from memory: no trip more than with the text itself.
  const explained = { 'x-explain': '1' }
  const byText = await gateway.query(tenant.tokens.viewer, trustedSample, undefined, explained)
  const byId = await fetch(gateway.url, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${tenant.tokens.viewer}`,
      'content-type': 'application/json',
      ...explained,
    },
    body: JSON.stringify({ documentId: used?.documentId }),
  })
  const { extensions } = (await byId.json()) as Answer<unknown>
  expect(extensions?.['plan']).toEqual(byText.extensions?.['plan'])
})

test('registering is all or nothing, harmless to repeat, and audited once', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const second = 'query Second { viewer { scopes } }'
  const first = await trustDocuments(gateway, tenant, [trustedSample])
  expect(await trustDocuments(gateway, tenant, [second, trustedSample, trustedSample])).toEqual([
    expect.objectContaining({ documentId: expect.any(String) }),
    first[0],
    first[0],
  ])
  await expect(
    trustDocuments(gateway, tenant, ['query Third { viewer { scopes } }', '{ x']),
  ).rejects.toThrow(/documents\.1: Syntax Error/)
  const { rows } = await gateway.database.admin.query<{ action: string; name: string }>(
    `select action, after ->> 'operationName' as name from audit_events
     where action = 'registerTrustedDocuments' order by id`,
  )
  expect(rows.map(({ name }) => name)).toEqual(['Sample', 'Second'])
})
