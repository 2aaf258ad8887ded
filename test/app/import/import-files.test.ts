import { expect, test } from 'vitest'
import { summarize } from '../../../src/app/import/summarize.ts'
import { startGateway, type TestGateway, type TestTenant } from '../../support/gateway.ts'
import { graphql } from '../../support/gql/gql.ts'
import type { CreateContentInput } from '../../support/gql/graphql.ts'
import { folderOf } from '../../support/folder.ts'
import { importFolder, reportOf } from './import-folder.ts'

const importedDocument = graphql(`
  query Imported($first: Int!) {
    contents(first: $first, orderBy: [{ field: TITLE, direction: ASC }]) {
      nodes {
        title
        type
        status
        tags
        platforms
        metadata
        version
        externalRef {
          system
          id
        }
        body {
          format
          raw
        }
      }
    }
  }
`)

async function imported(gateway: TestGateway, tenant: TestTenant) {
  const { data, errors } = await gateway.query(tenant, importedDocument, { first: 100 })
  expect(errors).toBeUndefined()
  return data?.contents.nodes ?? []
}

const post = (title: string, body = `Body of ${title}\n`) => `---\ntitle: ${title}\n---\n${body}`

/** Files `00.md`, `01.md` … */
function posts(count: number): Record<string, string> {
  const names = Array.from({ length: count }, (_, n) => String(n).padStart(2, '0'))
  return Object.fromEntries(names.map((name) => [`${name}.md`, post(`Post ${name}`)]))
}

test('a file becomes a published article with everything it says', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const text =
    '---\ntitle: مرحبا\ncategory: news\nauthor: Vera\ndate: 2026-11-20\n---\r\n\r\nOne\r\n\nTwo'
  await using folder = await folderOf({
    'ar/hello.mdx': text,
    'draft.md': '---\ndraft: true\n---\n# Soon',
  })

  const report = await importFolder(gateway, tenant.tokens.editor, folder.path)

  expect(report).toEqual(reportOf(2, { created: 2, storedBytes: 17 }))
  expect(await imported(gateway, tenant)).toEqual([
    {
      title: 'Soon',
      type: 'ARTICLE',
      status: 'DRAFT',
      tags: [],
      platforms: [],
      metadata: {},
      version: 1,
      externalRef: { system: 'import', id: 'blog/draft' },
      body: { format: 'MARKDOWN', raw: '# Soon' },
    },
    expect.objectContaining({
      title: 'مرحبا',
      status: 'PUBLISHED',
      tags: ['news'],
      metadata: { author: 'Vera', date: '2026-11-20' },
      externalRef: { system: 'import', id: 'blog/ar/hello' },
      body: { format: 'MARKDOWN', raw: '\r\nOne\r\n\nTwo' },
    }),
  ])
})

test('a second run changes exactly what the files say otherwise, and nothing else', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  await using folder = await folderOf(posts(25))
  const run = () => importFolder(gateway, tenant.tokens.owner, folder.path)
  expect(await run()).toEqual(reportOf(25, { created: 25 }))
  expect(await run()).toEqual(reportOf(25, { unchanged: 25, storedBytes: 0 }))

  await folder.write('03.md', post('Post 03', 'Another body'))
  await folder.write('11.md', post('Post 11, with another title', 'Body of Post 11\n'))
  await folder.write('12.md', '---\ntitle: Post 12\ncategory: new\n---\nBody of Post 12\n')
  await folder.write('13.md', '---\ntitle: Post 13\nauthor: Vera\n---\nBody of Post 13\n')
  await folder.write('25.md', post('Post 25'))
  const changed = { created: 1, updated: 4, unchanged: 21 }
  expect(await run()).toEqual(reportOf(26, { ...changed, storedBytes: 12 + 16 }))
  expect(await run()).toEqual(reportOf(26, { unchanged: 26 }))

  const versions = (await imported(gateway, tenant)).map(({ version }) => version)
  expect(versions.filter((version) => version === 2)).toHaveLength(4)
  expect(versions.filter((version) => version === 1)).toHaveLength(22)
})

const upsertDocument = graphql(`
  mutation EditByHand($ref: ContentRef!, $input: CreateContentInput!) {
    upsertContent(ref: $ref, input: $input) {
      __typename
    }
  }
`)

test('what a file does not speak of stays as it was set by hand', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  await using folder = await folderOf({ 'a.md': post('A') })
  const run = () => importFolder(gateway, tenant.tokens.owner, folder.path)
  await run()
  const ref = { externalRef: { system: 'import', id: 'blog/a' } }
  const byHand: Pick<CreateContentInput, 'type' | 'status' | 'platforms'> = {
    type: 'POST',
    status: 'ARCHIVED',
    platforms: ['EMAIL'],
  }
  const body = { format: 'MARKDOWN' as const, raw: 'Body of A\n' }
  await gateway.query(tenant, upsertDocument, { ref, input: { title: 'A', body, ...byHand } })

  expect(await run()).toEqual(reportOf(1, { unchanged: 1 }))
  await folder.write('a.md', post('A', 'New'))
  expect(await run()).toEqual(reportOf(1, { updated: 1, storedBytes: 3 }))
  expect(await imported(gateway, tenant)).toMatchObject([{ ...byHand, body: { raw: 'New' } }])

  await folder.write('a.md', '---\ntitle: A\ndraft: false\n---\nNew')
  expect(await run()).toEqual(reportOf(1, { updated: 1, storedBytes: 0 }))
  expect(await imported(gateway, tenant)).toMatchObject([{ ...byHand, status: 'PUBLISHED' }])
})

test('files that fail are named with their reasons, and the rest goes in', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  await using folder = await folderOf({
    ...posts(12),
    '03b.md': post('x'.repeat(501)),
    '05b.md': '---\ntitle: "unclosed\n---\nText',
    '07b.md': `---\ntitle: Tags\ntags: ["${'y'.repeat(101)}"]\n---\nText`,
  })

  const report = await importFolder(gateway, tenant.tokens.owner, folder.path)

  expect(report).toEqual(reportOf(15, { created: 12, failed: report.failed }))
  const reasons = Object.fromEntries(report.failed.map(({ path, reason }) => [path, reason]))
  expect(reasons).toEqual({
    '03b.md': expect.stringMatching(/^title /),
    '05b.md': expect.stringMatching(/^bad YAML .* at line \d/),
    '07b.md': expect.stringMatching(/^tags\.0 /),
  })
})

/** Every fourth request never arrives, and the answer to every third is lost. */
function badNetwork(): typeof fetch {
  let requests = 0
  return async (...request) => {
    const number = requests++
    if (number % 4 === 3) throw new TypeError('fetch failed', { cause: new Error('ECONNRESET') })
    const response = await fetch(...request)
    if (number % 3 === 2) throw new TypeError('fetch failed', { cause: new Error('lost') })
    return response
  }
}

test('lost requests and lost answers neither lose nor double a content', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  await using folder = await folderOf(posts(40))
  const run = () => importFolder(gateway, tenant.tokens.owner, folder.path, { fetch: badNetwork() })

  expect(await run()).toEqual(reportOf(40, { created: 40 }))
  await folder.write('07.md', post('Post 07', 'Another body'))
  expect(await run()).toEqual(reportOf(40, { updated: 1, unchanged: 39 }))

  const contents = await imported(gateway, tenant)
  expect(contents.map(({ version }) => version)).toEqual(
    Array.from({ length: 40 }, (_, n) => (n === 7 ? 2 : 1)),
  )
})

test('while ZeroDB is away the import waits, and goes on when it is back', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  await using folder = await folderOf(posts(12))
  gateway.zerodb.faults.add({ operation: 'insert', kind: 'status', status: 503 })
  const waits: string[] = []
  const onWait = (reason: string) => {
    if (waits.push(reason) === 3) gateway.zerodb.faults.clear()
  }

  const report = await importFolder(gateway, tenant.tokens.owner, folder.path, { onWait })

  expect(report).toEqual(reportOf(12, { created: 12 }))
  expect(waits[0]).toContain('The store cannot take this write right now')
})

test('without any success it stops, says what is left, and a later run goes on', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  await using folder = await folderOf(posts(12))
  gateway.zerodb.faults.add({ operation: 'insert', kind: 'status', status: 503 })
  const run = () => importFolder(gateway, tenant.tokens.owner, folder.path, { patienceMs: 500 })

  const report = await run()
  expect(report).toEqual(
    reportOf(12, { stopped: expect.stringMatching(/^no success for 1 s: /) as string }),
  )
  expect(summarize(report, 1)).toContain('12 files are left')

  gateway.zerodb.faults.clear()
  expect(await importFolder(gateway, tenant.tokens.owner, folder.path)).toEqual(
    reportOf(12, { created: 12 }),
  )
})

test('an interrupted import is completed by the next one', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  await using folder = await folderOf(posts(60))
  const stop = new AbortController()
  let requests = 0
  const interrupting: typeof fetch = (...request) => {
    if (++requests === 6) stop.abort()
    return fetch(...request)
  }
  const conditions = { fetch: interrupting, signal: stop.signal }

  const first = await importFolder(gateway, tenant.tokens.owner, folder.path, conditions)
  const second = await importFolder(gateway, tenant.tokens.owner, folder.path)

  expect(first).toMatchObject({ stopped: 'interrupted', failed: [] })
  expect(second).toMatchObject({ stopped: undefined, failed: [] })
  // What was under way at the interruption may have been stored without anybody hearing of it.
  expect(second.created + second.unchanged).toBe(60)
  expect(second.unchanged).toBeGreaterThanOrEqual(first.created)
})

test('two imports of one folder at the same time make one content of each file', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  await using folder = await folderOf(posts(40))
  const run = (token: string) => importFolder(gateway, token, folder.path)

  const reports = await Promise.all([run(tenant.tokens.owner), run(tenant.tokens.editor)])

  for (const report of reports) expect(report).toMatchObject({ updated: 0, failed: [] })
  const contents = await imported(gateway, tenant)
  expect(contents.map(({ version }) => version)).toEqual(Array.from({ length: 40 }, () => 1))
})

test('what was deleted since is created anew', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  await using folder = await folderOf(posts(3))
  const run = () => importFolder(gateway, tenant.tokens.owner, folder.path)
  await run()
  await gateway.database.admin.query(
    `update content_items set deleted_at = now() where external_id = 'blog/01'`,
  )

  expect(await run()).toEqual(reportOf(3, { created: 1, unchanged: 2 }))
  expect(await imported(gateway, tenant)).toHaveLength(3)
})

test('a token that will never do ends the import at once', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  await using folder = await folderOf(posts(30))

  expect(await importFolder(gateway, 'no-token', folder.path)).toEqual(
    reportOf(30, { stopped: expect.stringContaining('Send a valid token') as string }),
  )
  expect(await importFolder(gateway, tenant.tokens.viewer, folder.path)).toEqual(
    reportOf(30, { stopped: 'This needs the scope CONTENT_WRITE.' }),
  )
})

test('whatever is not a GraphQL endpoint is named as such', async () => {
  await using gateway = await startGateway()
  await using folder = await folderOf(posts(1))
  const elsewhere = { ...gateway, url: gateway.url.replace('/graphql', '/nothing') }
  expect(await importFolder(elsewhere, 'token', folder.path)).toEqual(
    reportOf(1, { stopped: 'the answer (404) is not one of a GraphQL endpoint' }),
  )
})
