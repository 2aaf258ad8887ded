import fc from 'fast-check'
import { expect, test } from 'vitest'
import { toSchema } from '../../src/app/schema.ts'
import { contractOf } from '../../src/graphql/contract.ts'
import { encodeGlobalId } from '../../src/graphql/global-id.ts'
import { newId } from '../../src/lib/id.ts'
import { mapLimit } from '../../src/lib/map-limit.ts'
import { keyScopes } from '../../src/lib/viewer.ts'
import { createTestKey } from '../support/api-keys.ts'
import { createTestContents } from '../support/contents.ts'
import {
  argumentsOf,
  entries,
  furnish,
  type Ids,
  type NodeType,
  nodeTypes,
} from '../support/entries.ts'
import { type Answer, startGateway, type TestGateway, type TestTenant } from '../support/gateway.ts'
import { countRows } from '../support/rows.ts'
import {
  type Coordinate,
  fieldsOf,
  operationFor,
  place,
  type Position,
  positionsOf,
  rootFieldsOf,
  sampleOf,
  type Values,
} from '../support/schema-walk.ts'

const schema = toSchema()

const roots = rootFieldsOf(schema)
const isId = ({ name }: { name: string }) => name === 'ID'
const withIds = fieldsOf(schema).filter(({ field }) => positionsOf(field, isId).length > 0)

/** The node type an id at this place must name; null where any will do. */
function typeAt(position: Position): NodeType | null {
  const name = position.findLast((step) => !/^\d+$/.test(step)) ?? ''
  const named: Record<string, NodeType> = {
    tenantId: 'Tenant',
    brandId: 'Brand',
    brandIds: 'Brand',
    campaignSpaceId: 'CampaignSpace',
    authorId: 'User',
    actorId: 'User',
    contentId: 'Content',
    contentIds: 'Content',
    versionId: 'ContentVersion',
    llmKeyId: 'LlmKey',
    generationJobId: 'GenerationJob',
  }
  if (named[name]) return named[name]
  if (position.includes('ref') || position.includes('where')) return 'Content'
  return null
}

/** Fields whose only id has no name of its own. */
const typesByField: Record<string, NodeType> = {
  'Subscription.generationJob': 'GenerationJob',
  'Query.campaignSpace': 'CampaignSpace',
  'Mutation.undeleteContent': 'Content',
  'Mutation.purgeContent': 'Content',
  'Mutation.deleteLlmKey': 'LlmKey',
  'Mutation.rotateApiKey': 'ApiKey',
  'Mutation.revokeApiKey': 'ApiKey',
  'Query.generationJob': 'GenerationJob',
  'Mutation.cancelGenerationJob': 'GenerationJob',
  'Mutation.retryGenerationJob': 'GenerationJob',
  'Mutation.updateBrand': 'Brand',
  'Mutation.acknowledgeAlert': 'Alert',
}

function typeOf({ name }: Coordinate, position: Position): NodeType | null {
  return typesByField[name] ?? typeAt(position)
}

/** Where a test puts its ids: each place of each field, once per node type where any will do. */
const targets = withIds.flatMap((coordinate) =>
  positionsOf(coordinate.field, isId).flatMap((position) => {
    const type = typeOf(coordinate, position)
    return (type ? [type] : nodeTypes).map((node) => ({ coordinate, position, node, any: !type }))
  }),
)
type Target = (typeof targets)[number]

const canary = 'CANARY'

const partner = contractOf(schema, 'partner')
const partnerFields = new Map(fieldsOf(partner).map((coordinate) => [coordinate.name, coordinate]))

const isKey = (who: TestTenant | string) => typeof who === 'string' && who.startsWith('cg_')

const operations = new Map<string, string>()

/** Who comes with a key asks for what partners can see; of other fields for what others would. */
function operationOf(who: TestTenant | string, coordinate: Coordinate, depth: number): string {
  const seen = isKey(who) ? partnerFields.get(coordinate.name) : undefined
  const key = `${coordinate.name} ${depth} ${seen !== undefined}`
  const operation =
    operations.get(key) ?? operationFor(seen ? partner : schema, seen ?? coordinate, depth)
  operations.set(key, operation)
  return operation
}

/** Asks with `id` in one place among otherwise valid arguments. */
function ask(
  gateway: TestGateway,
  who: TestTenant | string,
  target: Pick<Target, 'coordinate' | 'position'>,
  own: Ids,
  id: string,
  depth = 1,
): Promise<Answer<Values>> {
  const { coordinate, position } = target
  const operation = operationOf(who, coordinate, depth)
  const args = place(coordinate.field, argumentsOf(coordinate, own), position, id)
  return gateway.query<Values, Values>(who, operation, args)
}

/** What is told apart only by the id that was asked for, and by what is left of a key's points. */
function withoutId({ status, text }: Answer<unknown>, id: string) {
  return { status, text: text.replaceAll(id, '<id>').replace(/"remaining":\d+/, '"remaining":0') }
}

const codesOf = ({ errors = [] }: Answer<unknown>) =>
  errors.map(({ extensions }) => extensions?.['code'])

/** The audit outlives what it tells of, and the trash is known to whoever sees drafts. */
const remembering = [
  'Query.auditEvents',
  'Query.node',
  'Query.nodes',
  'Mutation.deleteContent',
  'Mutation.undeleteContent',
  'Mutation.purgeContent',
  'Mutation.restoreFromBackup',
]

function remembers({ coordinate }: Target): boolean {
  return remembering.includes(coordinate.name)
}

function describe({ coordinate, position }: Pick<Target, 'coordinate' | 'position'>): string {
  return `${coordinate.name}(${position.join('.')})`
}

/** That what partners do not see is to a key as what is not there, and only that. */
function expectContract({ coordinate: { name }, any }: Target, answer: Answer<unknown>): void {
  // A node of a type that they do not see is not there either.
  if (any) return
  const isUnknown = codesOf(answer).includes('BAD_USER_INPUT')
  expect({ name, isUnknown }).toEqual({ name, isUnknown: !partnerFields.has(name) })
}

test('every field one can begin with has an entry', () => {
  expect(Object.keys(entries).toSorted()).toEqual(roots.map(({ name }) => name).toSorted())
})

test('every entry is answered without an error', async () => {
  await using gateway = await startGateway({}, { bigquery: true })
  const own = await furnish(gateway, 'OWN')
  for (const coordinate of [...roots, ...withIds]) {
    // What one mutation changes, or purges, must not be missed by the next.
    const isMutation = coordinate.type.name === 'Mutation'
    const { tenant, ids } = isMutation ? await furnish(gateway, 'OWN') : own
    const operation = operationFor(schema, coordinate, 2)
    const { errors, text } = await gateway.query(tenant, operation, argumentsOf(coordinate, ids))
    expect({ name: coordinate.name, errors }).toEqual({ name: coordinate.name, errors: undefined })
    expect(text).not.toMatch(/"__typename":"\w+Error"/)
  }
}, 120_000)

test("another tenant's id, a deleted one and one nobody has get the same answer, to the byte", async () => {
  await using gateway = await startGateway()
  const own = await furnish(gateway, 'OWN')
  const other = await furnish(gateway, canary)
  const [, deletedId] = Buffer.from(own.spare, 'base64url')
    .toString()
    .split(/:(?=[^:]*$)/)
  await gateway.database.admin.query('update content_items set deleted_at = now() where id = $1', [
    deletedId,
  ])
  const costLimit = 1_000_000
  const full = await createTestKey(gateway, own.tenant, { scopes: [...keyScopes], costLimit })
  const lacking = await createTestKey(gateway, own.tenant, { scopes: ['QUOTA_READ'], costLimit })
  const before = await countRows(gateway.database.admin)
  const secrets = [canary, ...Object.values(other.ids), other.tenant.id]

  const { owner, editor, viewer } = own.tenant.tokens
  for (const who of [owner, editor, viewer, full.secret, lacking.secret]) {
    await mapLimit(targets, 4, async (target) => {
      const nobodys = encodeGlobalId(target.node, newId())
      const missing = await ask(gateway, who, target, own.ids, nobodys, 2)
      const expected = { place: describe(target), ...withoutId(missing, nobodys) }
      expect(codesOf(missing)).not.toContain('INTERNAL_SERVER_ERROR')
      if (isKey(who)) expectContract(target, missing)
      const refusal = who === lacking.secret ? /FORBIDDEN|BAD_USER_INPUT/ : /^/
      expect(missing.text).toMatch(refusal)

      const spares = target.node === 'Content' && !remembers(target) ? [own.spare] : []
      const candidates = [other.ids[target.node], ...spares]
      for (const id of candidates) {
        const answer = await ask(gateway, who, target, own.ids, id, 2)
        const found = withoutId(answer, id)
        expect({ place: describe(target), ...found }).toEqual(expected)
        expect(secrets.filter((secret) => found.text.includes(secret))).toEqual([])
      }
    })
  }
  // What keys asked is counted by and by.
  const after = await countRows(gateway.database.admin)
  expect({ ...after, api_key_usage: 0 }).toEqual({ ...before, api_key_usage: 0 })
}, 120_000)

test("another tenant's external reference gets the answer of one nobody has", async () => {
  await using gateway = await startGateway()
  const own = await furnish(gateway, 'OWN')
  await furnish(gateway, canary)
  const isRef = ({ name }: { name: string }) => name === 'ExternalRefInput'
  // Of what a subscription tells nothing is known yet when it begins.
  const changing = ['Mutation', 'Subscription']
  for (const coordinate of fieldsOf(schema).filter(({ type }) => !changing.includes(type.name))) {
    for (const position of positionsOf(coordinate.field, isRef)) {
      const askFor = (id: string) => {
        const ref = { system: 'crm', id }
        const args = place(coordinate.field, argumentsOf(coordinate, own.ids), position, ref)
        return gateway.query(own.tenant, operationFor(schema, coordinate, 1), args)
      }
      const foreign = await askFor(`${canary}-0`)
      expect(foreign.text).toBe((await askFor('nobody-0')).text)
      expect((await askFor('OWN-0')).text).not.toBe(foreign.text)
    }
  }
})

const encode = (text: string) => Buffer.from(text, 'latin1').toString('base64url')

/** Ids that cannot be right, whatever type is asked for. */
function malformedIds(type: NodeType): string[] {
  const uuid = newId()
  const good = encodeGlobalId(type, uuid)
  return [
    '',
    ' ',
    'x',
    uuid,
    encode(uuid),
    encode(`${type}:${uuid}`),
    encode(`2:${type}:${uuid}`),
    encode(`1:${type}:${uuid.toUpperCase()}`),
    encode(`1:${type}:${uuid}:1`),
    encode(`1:${type}:${uuid} `),
    encode(`1:${type}:1`),
    encode(`1:${type}:`),
    encode(`1:${type}: ' or 1=1 --`),
    encode(`1::${uuid}`),
    encode(`1:Nothing:${uuid}`),
    encode(`1:ContentEdge:${uuid}`),
    encode(`1:__proto__:${uuid}`),
    encode(`1:constructor:${uuid}`),
    encode(`1:Query:${uuid}`),
    encode(good),
    `${good}=`,
    `${good}==`,
    `${good}\n`,
    `${good.slice(0, -1)}`,
    `${good}A`,
    `+${good.slice(1)}`,
    `/${good.slice(1)}`,
    good.toLowerCase(),
    encodeURIComponent(`${good}=`),
    Buffer.from(`1:${type}:${uuid}`)
      .toString('base64')
      .padEnd(good.length + 1, '='),
    Buffer.from(`1:${type}:${uuid}`).toString('hex'),
    "'; drop table content_items; --",
    'null',
    '${7*7}',
    '\u{1F600}'.repeat(10),
    'A'.repeat(10_000),
    good.repeat(200),
  ]
}

/** Refused by an error code or by a type of the result union; and nothing but that is said. */
function isRefused(answer: Answer<Values>): boolean {
  const codes = codesOf(answer)
  if (codes.length > 0) return codes.every((code) => code === 'BAD_USER_INPUT')
  return /"__typename":"ValidationError"/.test(answer.text)
}

test('an id that cannot be right is refused wherever it stands', async () => {
  await using gateway = await startGateway()
  const own = await furnish(gateway, 'OWN')
  const before = await countRows(gateway.database.admin)
  const accepted: string[] = []
  for (const target of targets) {
    const ids = malformedIds(target.node)
    const answers = await mapLimit(ids, 8, (id) => ask(gateway, own.tenant, target, own.ids, id))
    answers.forEach((answer, index) => {
      const what = `${describe(target)} ${JSON.stringify(ids[index]?.slice(0, 60))}`
      if (!isRefused(answer) || answer.status >= 500)
        accepted.push(`${what}: ${answer.text.slice(0, 200)}`)
      if (answer.text.length > 1_000) accepted.push(`${what} is answered at length`)
    })
  }
  expect(accepted).toEqual([])
  expect(await countRows(gateway.database.admin)).toEqual(before)
}, 120_000)

test('an id of another type is refused where one type is meant', async () => {
  await using gateway = await startGateway()
  const own = await furnish(gateway, 'OWN')
  const before = await countRows(gateway.database.admin)
  for (const target of targets.filter(({ any }) => !any)) {
    for (const node of nodeTypes.filter((type) => type !== target.node)) {
      const answer = await ask(gateway, own.tenant, target, own.ids, own.ids[node])
      expect({ place: describe(target), codes: codesOf(answer) }).toEqual({
        place: describe(target),
        codes: ['BAD_USER_INPUT'],
      })
    }
  }
  expect(await countRows(gateway.database.admin)).toEqual(before)
}, 120_000)

const generatedRuns = process.env['LONG'] ? 10_000 : 2_000

test(`${generatedRuns} generated ids find nothing and break nothing`, async () => {
  await using gateway = await startGateway()
  const own = await furnish(gateway, 'OWN')
  const other = await furnish(gateway, canary)
  const before = await countRows(gateway.database.admin)
  const known = [...Object.values(own.ids), ...Object.values(other.ids), own.spare]
  const uuid = fc.uuid({ version: 7 })
  const type = fc.oneof(fc.constantFrom(...nodeTypes), fc.string({ maxLength: 12 }))
  const anyId = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 80 }),
    fc.base64String({ maxLength: 120 }),
    fc.tuple(type, uuid).map(([name, id]) => encodeGlobalId(name, id)),
    fc
      .tuple(fc.string({ maxLength: 3 }), type, fc.string({ maxLength: 40 }))
      .map((parts) => encode(parts.join(':'))),
    // One character of a real id changed.
    fc
      .tuple(fc.constantFrom(...known), fc.nat(80), fc.base64String({ minLength: 4, maxLength: 4 }))
      .map(([id, at, [letter = 'A']]) => id.slice(0, at) + letter + id.slice(at + 1))
      .filter((id) => !known.includes(id)),
  )
  await fc.assert(
    fc.asyncProperty(fc.nat(targets.length - 1), anyId, async (index, id) => {
      const target = targets[index] as Target
      const answer = await ask(gateway, own.tenant, target, own.ids, id, 0)
      expect(answer.status).toBeLessThan(500)
      // A subscription has no union to say NotFoundError in.
      const told = codesOf(answer).filter(
        (code) => !['BAD_USER_INPUT', 'NOT_FOUND'].includes(String(code)),
      )
      expect(told).toEqual([])
      expect(answer.text).not.toContain(canary)
      expect(answer.text).not.toContain('OWN')
      expect(answer.text).not.toContain('Success')
    }),
    { numRuns: generatedRuns },
  )
  expect(await countRows(gateway.database.admin)).toEqual(before)
}, 120_000)

test('whoever brings no token, an expired one or a stranger’s is told nothing', async () => {
  await using gateway = await startGateway()
  const { tenant, ids } = await furnish(gateway, 'OWN')
  const owner = { subject: 'owner@OWN', tenantId: tenant.id }
  const tokens = [
    'none',
    await gateway.signToken({ ...owner, expiresIn: '-1h' }),
    await gateway.signToken({ ...owner, tenantId: newId() }),
    await gateway.signToken({ ...owner, subject: 'nobody@OWN' }),
  ]
  for (const coordinate of roots) {
    for (const token of tokens) {
      const operation = operationFor(schema, coordinate, 1)
      const answer = await gateway.query(token, operation, argumentsOf(coordinate, ids))
      expect({ status: answer.status, codes: codesOf(answer), data: answer.data }).toEqual({
        status: 401,
        codes: ['UNAUTHENTICATED'],
        data: undefined,
      })
    }
  }
})

const open = ['Query.viewer', 'Query.explainOperation']

test('every field one can begin with names the scope it needs', async () => {
  await using gateway = await startGateway()
  const { tenant, ids } = await furnish(gateway, 'OWN')
  const token = await gateway.signToken({ subject: 'owner@OWN', tenantId: tenant.id, scope: '' })
  const before = await countRows(gateway.database.admin)
  for (const coordinate of roots) {
    const options = coordinate.field.extensions['pothosOptions'] as { authScopes?: unknown }
    expect(options.authScopes).toBeDefined()
    const operation = operationFor(schema, coordinate, 1)
    const { text } = await gateway.query(token, operation, argumentsOf(coordinate, ids))
    const { name } = coordinate
    expect({ name, forbidden: text.includes('"FORBIDDEN"') }).toEqual({
      name,
      forbidden: !open.includes(name),
    })
    expect(text).not.toMatch(/OWN (0|1)/)
  }
  const around = await gateway.query(
    token,
    '{ viewer { brands { contents { nodes { title } } } } }',
  )
  expect(codesOf(around)).toEqual(['FORBIDDEN'])
  expect(around.text).not.toMatch(/OWN (0|1)/)
  expect(await countRows(gateway.database.admin)).toEqual(before)
})

test('a token for reading contents reads no versions, whichever way it comes to them', async () => {
  await using gateway = await startGateway()
  const { tenant, ids } = await furnish(gateway, 'OWN')
  const scope = 'CONTENT_READ CONTENT_READ_DRAFT'
  const token = await gateway.signToken({ subject: 'owner@OWN', tenantId: tenant.id, scope })
  const version = `... on ContentVersion { versionNumber snapshot { title } }`
  const ways = [
    `{ node(id: "${ids.ContentVersion}") { ${version} } }`,
    `{ nodes(ids: ["${ids.ContentVersion}"]) { ${version} } }`,
    `{ content(ref: { id: "${ids.Content}" }) { versions { nodes { versionNumber } } } }`,
    `{ content(ref: { id: "${ids.Content}" }) { versionByNumber(number: 1) { versionNumber } } }`,
  ]
  for (const way of ways) {
    const answer = await gateway.query(token, way)
    expect(answer.text).not.toContain('OWN 0')
    expect(answer.text).not.toContain('"versionNumber":1')
    expect(answer.text).toContain('VERSION_READ')
  }
})

test('who may only look changes nothing, and is told which scope it takes', async () => {
  await using gateway = await startGateway()
  const { tenant, ids } = await furnish(gateway, 'OWN')
  const before = await countRows(gateway.database.admin)
  for (const coordinate of roots.filter(({ type }) => type.name === 'Mutation')) {
    const operation = operationFor(schema, coordinate, 1)
    const { data } = await gateway.query<Values, Values>(
      tenant.tokens.viewer,
      operation,
      argumentsOf(coordinate, ids),
    )
    const { authScopes } = coordinate.field.extensions['pothosOptions'] as {
      authScopes: { scope: string }
    }
    expect(data?.[coordinate.field.name]).toMatchObject({
      __typename: 'ForbiddenError',
      code: 'FORBIDDEN',
      requiredScopes: [authScopes.scope],
    })
  }
  expect(await countRows(gateway.database.admin)).toEqual(before)
})

test('whoever is not a member of a brand meets its contents on no edge', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant({
    brands: [
      { name: 'Mine', campaignSpaces: ['My space'] },
      { name: 'HIDDEN brand', campaignSpaces: ['HIDDEN space'] },
    ],
  })
  const [, hidden] = tenant.brands
  const brandId = encodeGlobalId('Brand', hidden?.id ?? '')
  const campaignSpaceId = encodeGlobalId('CampaignSpace', hidden?.campaignSpaces[0]?.id ?? '')
  await gateway.database.admin.query('delete from brand_members where brand_id = $1', [hidden?.id])
  const externalRef = { system: 'crm', id: 'hidden' }
  const [content = ''] = await createTestContents(gateway, tenant, 1, () => ({
    title: 'HIDDEN title',
    brandId,
    campaignSpaceId,
    externalRef,
  }))
  await createTestContents(gateway, tenant, 1, () => ({ title: 'Seen by all' }))
  const { data } = await gateway.query<
    { content: { versions: { nodes: { id: string }[] } } },
    object
  >(tenant, `{ content(ref: { id: "${content}" }) { versions { nodes { id } } } }`)
  const version = data?.content.versions.nodes[0]?.id ?? ''
  const before = await countRows(gateway.database.admin)

  const shown = `id title preview brand { name contents { nodes { title } } } campaignSpace { name }`
  const input = (fields: string) =>
    `input: { title: "New", body: { raw: "New", format: TEXT } ${fields} }`
  const ended = `{ __typename ... on ContentSuccess { content { ${shown} } } }`
  const edges = [
    `{ contents { nodes { ${shown} } totalCount { value } } }`,
    `{ contents(orderBy: [{ field: TITLE }]) { edges { node { ${shown} } } } }`,
    `{ contents(where: { brandId: "${brandId}" }) { nodes { ${shown} } totalCount(mode: EXACT) { value } } }`,
    `{ contents(where: { campaignSpaceId: "${campaignSpaceId}" }) { nodes { ${shown} } } }`,
    `{ contents(where: { id: ["${content}"] }) { nodes { ${shown} } } }`,
    `{ contents(where: { title: { startsWith: "hidden" } }) { nodes { ${shown} } } }`,
    `{ contents(where: { externalRef: { system: "crm", id: "hidden" } }) { nodes { ${shown} } } }`,
    `{ contents(where: { not: { title: { eq: "Seen by all" } } }) { nodes { ${shown} } } }`,
    `{ content(ref: { id: "${content}" }) { ${shown} } }`,
    `{ content(ref: { externalRef: { system: "crm", id: "hidden" } }) { ${shown} } }`,
    `{ node(id: "${content}") { ... on Content { ${shown} } } }`,
    `{ nodes(ids: ["${content}", "${version}", "${brandId}", "${campaignSpaceId}"]) { id ... on Content { ${shown} } } }`,
    `{ node(id: "${version}") { ... on ContentVersion { versionNumber snapshot { title } content { ${shown} } } } }`,
    `{ node(id: "${brandId}") { ... on Brand { name contents { nodes { ${shown} } } } } }`,
    `{ node(id: "${campaignSpaceId}") { ... on CampaignSpace { name brand { name } contents { nodes { ${shown} } } } } }`,
    `{ campaignSpace(id: "${campaignSpaceId}") { name contents { nodes { ${shown} } } } }`,
    `{ viewer { brands { name contents { nodes { ${shown} } } } } }`,
    `{ content(ref: { id: "${content}" }, includeDeleted: true) { ${shown} } }`,
    `{ contents(deleted: ONLY) { nodes { ${shown} } } }`,
    `mutation { upsertContent(ref: { id: "${content}" }, ${input('')}) ${ended} }`,
    `mutation { updateContent(input: { ref: { id: "${content}" }, title: "New" }) ${ended} }`,
    `mutation { updateContents(inputs: [{ ref: { id: "${content}" }, title: "New" }]) { __typename } }`,
    `mutation { publishContent(ref: { id: "${content}" }) ${ended} }`,
    `mutation { archiveContent(ref: { externalRef: { system: "crm", id: "hidden" } }) ${ended} }`,
    `mutation { deleteContent(ref: { id: "${content}" }) { __typename } }`,
    `mutation { undeleteContent(id: "${content}") ${ended} }`,
    `mutation { purgeContent(id: "${content}", reason: "None") { __typename } }`,
    `mutation { pinVersion(versionId: "${version}", pinned: true) { __typename } }`,
    `mutation { restoreVersion(contentId: "${content}", version: 1) { __typename } }`,
    `mutation { createContent(${input(`brandId: "${brandId}"`)}) ${ended} }`,
    `mutation { createContent(${input(`campaignSpaceId: "${campaignSpaceId}"`)}) ${ended} }`,
    `mutation { createContent(${input(`externalRef: { system: "crm", id: "hidden" }`)}) { __typename ... on ConflictError { current { ${shown} } } } }`,
  ]
  for (const token of [tenant.tokens.editor, tenant.tokens.viewer]) {
    for (const edge of edges) {
      const { text, status } = await gateway.query(token, edge)
      expect({ edge, status, leaks: /HIDDEN|Success|DeletedIds/.test(text) }).toEqual({
        edge,
        status: 200,
        leaks: false,
      })
    }
  }
  // The write that met its conflict only in the end leaves an aborted intent to the sweeper.
  const after = await countRows(gateway.database.admin)
  expect({ ...after, content_write_intents: 0 }).toEqual({ ...before, content_write_intents: 0 })
  const seen = await gateway.query(tenant.tokens.owner, edges[0] ?? '')
  expect(seen.text).toContain('HIDDEN')
})

test('a sample can be made of everything a client may send', () => {
  const inputs = roots.flatMap(({ field }) => field.args)
  for (const { type } of inputs.filter(({ type }) => !/ID|ContentRef/.test(String(type)))) {
    expect(sampleOf(type)).toBeDefined()
  }
})
