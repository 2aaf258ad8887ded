import { expect, test, vi } from 'vitest'
import { encodeGlobalId } from '../../../src/graphql/global-id.ts'
import { encodeCursor } from '../../../src/lib/cursor.ts'
import { newId } from '../../../src/lib/id.ts'
import { brandOf, createTestContents } from '../../support/contents.ts'
import { startGateway } from '../../support/gateway.ts'
import { completed, moveJob, plantJob, settleItem } from '../../support/jobs.ts'
import { socketClient, streamClient, subscribe, tokenOfNow } from '../../support/live.ts'
import { deleteOne, updateOne } from '../../support/writes.ts'

const jobWatched = `subscription ($id: ID!, $after: String) {
  generationJob(id: $id, after: $after) {
    sequence resumeToken kind
    job { id status progress }
    item { index status }
  }
}`

interface JobData {
  generationJob: {
    sequence: string
    resumeToken: string
    kind: string
    job: { id: string; status: string; progress: number }
    item: { index: number; status: string } | null
  }
}

test('the same job is told the same way over sockets and over server-sent events', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const job = await plantJob(gateway, tenant)
  using sockets = socketClient(gateway.url, tenant.tokens.owner)
  using streams = streamClient(gateway.url, tenant.tokens.owner)
  const watchers = [sockets, streams].map((client) =>
    subscribe<JobData>(client, jobWatched, { id: job.id }),
  )
  const all = async (count: number) => {
    await vi.waitFor(() => {
      for (const { results } of watchers) expect(results).toHaveLength(count)
    })
  }
  await all(1)
  await moveJob(gateway, job, `status = 'running', started_at = now()`)
  await all(2)
  await settleItem(gateway, job, 3, 'stored')
  await all(3)
  await settleItem(gateway, job, 5, 'failed')
  await all(4)
  await moveJob(gateway, job, `total_cost_usd = 0.5`)
  await all(5)
  await moveJob(gateway, job, completed)
  await vi.waitFor(() => {
    for (const watcher of watchers) expect(watcher).toMatchObject({ completed: true })
  })
  const [first, second] = watchers.map(({ data }) => data)
  expect(first).toEqual(second)
  const events = first?.map(({ generationJob }) => generationJob) ?? []
  expect(events.map(({ kind, item }) => [kind, item])).toEqual([
    ['SNAPSHOT', null],
    ['STARTED', null],
    ['ITEM_STORED', { index: 3, status: 'STORED' }],
    ['ITEM_FAILED', { index: 5, status: 'FAILED' }],
    ['COST', null],
    ['COMPLETED', null],
  ])
  const numbers = events.map(({ sequence }) => Number(sequence))
  expect(numbers).toEqual([...new Set(numbers)].toSorted((a, b) => a - b))
})

test('a job that is over is told once, and to whoever knows its end not at all', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  using client = socketClient(gateway.url, tenant.tokens.owner)
  const ends = { completed: 'COMPLETED', failed: 'FAILED', cancelled: 'CANCELLED' }
  for (const [status, kind] of Object.entries(ends)) {
    const job = await plantJob(gateway, tenant)
    await moveJob(gateway, job, `status = '${status}'`)
    const first = subscribe<JobData>(client, jobWatched, { id: job.id })
    await vi.waitFor(() => expect(first.completed).toBe(true))
    expect(first.data).toMatchObject([{ generationJob: { kind, job: { id: job.id } } }])
    const after = first.data[0]?.generationJob.resumeToken
    const again = subscribe<JobData>(client, jobWatched, { id: job.id, after })
    await vi.waitFor(() => expect(again.completed).toBe(true))
    expect(again.results).toEqual([])
  }
})

test('a foreign job, a hidden one and one that never was are the same', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const other = await gateway.newTenant({ name: 'Other' })
  const brandId = tenant.brands[0]?.id ?? ''
  const hidden = await plantJob(gateway, tenant, brandId)
  const { admin } = gateway.database
  await admin.query('delete from brand_members where brand_id = $1', [brandId])
  const foreign = await plantJob(gateway, other)
  const missing = encodeGlobalId('GenerationJob', newId())
  for (const open of [socketClient, streamClient]) {
    using client = open(gateway.url, tenant.tokens.editor)
    const answers: string[] = []
    for (const id of [hidden.id, foreign.id, missing]) {
      const watcher = subscribe(client, jobWatched, { id })
      await vi.waitFor(() => expect(watcher.completed).toBe(true))
      answers.push(JSON.stringify(watcher.results))
    }
    expect(new Set(answers).size).toBe(1)
    expect(answers[0]).toContain('"NOT_FOUND"')
    const list = subscribe<JobData>(client, jobsWatched)
    const visible = await plantJob(gateway, tenant)
    await moveJob(gateway, hidden, `progress = progress + 1`)
    await moveJob(gateway, foreign, `progress = progress + 1`)
    await vi.waitFor(() => expect(list.data.length).toBeGreaterThan(0))
    await moveJob(gateway, visible, completed)
    await vi.waitFor(() => expect(JSON.stringify(list.data)).toContain('COMPLETED'))
    expect(JSON.stringify(list.data)).not.toContain(hidden.id)
    expect(JSON.stringify(list.data)).not.toContain(foreign.id)
  }
})

const jobsWatched = `subscription ($after: String, $brandId: ID) {
  generationJobs(after: $after, brandId: $brandId) { sequence resumeToken kind job { id status } }
}`

interface JobsData {
  generationJobs: { sequence: string; resumeToken: string; kind: string; job: { id: string } }
}

test('all jobs are told from those that are under way on, and again from any event on', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const [brand] = tenant.brands
  const over = await plantJob(gateway, tenant)
  await moveJob(gateway, over, completed)
  const open = await plantJob(gateway, tenant, brand?.id)
  using client = socketClient(gateway.url, tenant.tokens.owner)
  const all = subscribe<JobsData>(client, jobsWatched)
  const { brandId } = brandOf(tenant)
  const ofBrand = subscribe<JobsData>(client, jobsWatched, { brandId })
  await vi.waitFor(() => expect([all, ofBrand].map(({ data }) => data.length)).toEqual([1, 1]))
  const added = await plantJob(gateway, tenant)
  await vi.waitFor(() => expect(all.data).toHaveLength(2))
  await moveJob(gateway, open, completed)
  await vi.waitFor(() => expect([all, ofBrand].map(({ data }) => data.length)).toEqual([3, 2]))
  const told = ({ data }: typeof all) =>
    data.map(({ generationJobs: { kind, job } }) => [job.id, kind])
  expect(told(all)).toEqual([
    [open.id, 'SNAPSHOT'],
    [added.id, 'SNAPSHOT'],
    [open.id, 'COMPLETED'],
  ])
  expect(told(ofBrand)).toEqual([
    [open.id, 'SNAPSHOT'],
    [open.id, 'COMPLETED'],
  ])
  const after = all.data[0]?.generationJobs.resumeToken
  const resumed = subscribe<JobsData>(client, jobsWatched, { after })
  await vi.waitFor(() => expect(resumed.data).toHaveLength(2))
  expect(resumed.data.map(({ generationJobs }) => generationJobs.sequence)).toEqual(
    all.data.slice(1).map(({ generationJobs }) => generationJobs.sequence),
  )
  expect(all.completed).toBe(false)
})

const contentsWatched = `subscription ($where: ContentWhere, $after: String) {
  contentChanged(where: $where, after: $after) {
    sequence resumeToken kind deletedId
    content { id title version body { raw } }
  }
}`

interface ContentData {
  contentChanged: {
    sequence: string
    resumeToken: string
    kind: string
    deletedId: string | null
    content: { id: string; title: string; version: number; body: { raw: string } } | null
  }
}

test('every event shows the content as it is then', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const [id = ''] = await createTestContents(gateway, tenant, 1)
  const after = await tokenOfNow(gateway, tenant)
  using sockets = socketClient(gateway.url, tenant.tokens.owner)
  using streams = streamClient(gateway.url, tenant.tokens.owner)
  const watchers = [sockets, streams].map((client) =>
    subscribe<ContentData>(client, contentsWatched, { where: { id: [id] }, after }),
  )
  for (const [index, title] of ['first', 'second'].entries()) {
    const body = { format: 'TEXT' as const, raw: `The ${title} body` }
    await updateOne(gateway, tenant, id, { title, body })
    await vi.waitFor(() => {
      for (const { results } of watchers) expect(results).toHaveLength(index + 1)
    })
  }
  await deleteOne(gateway, tenant, { id })
  await vi.waitFor(() => {
    for (const { results } of watchers) expect(results).toHaveLength(3)
  })
  for (const { data } of watchers) {
    expect(data.map(({ contentChanged }) => contentChanged)).toMatchObject([
      { kind: 'UPDATED', content: { title: 'first', body: { raw: 'The first body' } } },
      { kind: 'UPDATED', content: { title: 'second', body: { raw: 'The second body' } } },
      { kind: 'DELETED', content: null, deletedId: id },
    ])
  }
  expect(watchers[0]?.data).toEqual(watchers[1]?.data)
})

test('without a token the first event comes with the next change', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const [id = ''] = await createTestContents(gateway, tenant, 1)
  using client = socketClient(gateway.url, tenant.tokens.owner)
  const watcher = subscribe<ContentData>(client, contentsWatched)
  let changes = 0
  await vi.waitFor(
    async () => {
      await updateOne(gateway, tenant, id, { title: `Change ${++changes}` })
      expect(watcher.results).not.toEqual([])
    },
    { timeout: 10_000 },
  )
  expect(watcher.data[0]?.contentChanged.content?.title).toMatch(/^Change /)
})

test('a hundred and fifty changes of one moment are told one by one, each content once', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  using client = socketClient(gateway.url, tenant.tokens.owner)
  const where = { title: { startsWith: 'Content' } }
  const start = await tokenOfNow(gateway, tenant)
  const watcher = subscribe<ContentData>(client, contentsWatched, { where, after: start })
  const ids = [
    ...(await createTestContents(gateway, tenant, 80)),
    ...(await createTestContents(gateway, tenant, 70)),
  ]
  await createTestContents(gateway, tenant, 1, () => ({ title: 'Of no concern' }))
  await vi.waitFor(() => expect(watcher.data).toHaveLength(ids.length))
  const events = watcher.data.map(({ contentChanged }) => contentChanged)
  expect(new Set(events.map(({ content }) => content?.id))).toEqual(new Set(ids))
  expect(new Set(events.map(({ kind }) => kind))).toEqual(new Set(['CREATED']))

  const after = events[99]?.resumeToken
  const resumed = subscribe<ContentData>(client, contentsWatched, { where, after })
  await vi.waitFor(() => expect(resumed.data).toHaveLength(50))
  expect(resumed.data).toEqual(watcher.data.slice(100))
})

test('who may not see drafts is told of what is published, and when it is so no more', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const [id = '', draft = ''] = await createTestContents(gateway, tenant, 2)
  const reader = await gateway.signToken({
    subject: 'owner@test',
    tenantId: tenant.id,
    scope: 'CONTENT_READ',
  })
  using client = socketClient(gateway.url, reader)
  const after = await tokenOfNow(gateway, tenant)
  const watcher = subscribe<ContentData>(client, contentsWatched, { after })
  const steps = [
    ['publishContent', id],
    ['unpublishContent', id],
    ['archiveContent', draft],
    ['publishContent', id],
    ['deleteContent', id],
  ] as const
  const expected = [
    ['PUBLISHED', id],
    ['DELETED', id],
    undefined,
    ['PUBLISHED', id],
    ['DELETED', id],
  ]
  let count = 0
  for (const [index, [mutation, of]] of steps.entries()) {
    const { errors } = await gateway.query(
      tenant,
      `mutation { ${mutation}(ref: { id: "${of}" }) { __typename } }`,
    )
    expect(errors).toBeUndefined()
    if (!expected[index]) continue
    count++
    await vi.waitFor(() => expect(watcher.data).toHaveLength(count))
  }
  expect(
    watcher.data.map(({ contentChanged: { kind, content, deletedId } }) => [
      kind,
      content?.id ?? deletedId,
    ]),
  ).toEqual(expected.filter((event) => event !== undefined))
  expect(JSON.stringify(watcher.results)).not.toContain(draft)
})

const quotaWatched = `subscription ($after: String) {
  quotaChanged(after: $after) {
    sequence resumeToken crossed quota { warningLevel usage { totalContentItems } }
  }
}`

interface QuotaData {
  quotaChanged: {
    resumeToken: string
    crossed: string | null
    quota: { warningLevel: string; usage: { totalContentItems: number } }
  }
}

test('the quota is told with every change, and when a warning level was crossed', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant({ planTier: 'free' })
  using client = socketClient(gateway.url, tenant.tokens.owner)
  const watcher = subscribe<QuotaData>(client, quotaWatched)
  await vi.waitFor(() => expect(watcher.data).toHaveLength(1))
  await createTestContents(gateway, tenant, 1)
  const last = () => watcher.data.at(-1)?.quotaChanged
  await vi.waitFor(() => expect(last()?.quota.usage.totalContentItems).toBe(1))
  expect(watcher.data.map(({ quotaChanged }) => quotaChanged.crossed)).not.toContain('CRITICAL')
  const before = last()?.resumeToken
  await gateway.database.admin.query(
    `update content_storage_usage set total_storage_bytes = 0.9 * 1024 ^ 3 where tenant_id = $1`,
    [tenant.id],
  )
  await createTestContents(gateway, tenant, 1)
  await vi.waitFor(() => expect(last()?.quota.usage.totalContentItems).toBe(2))
  expect(watcher.data.map(({ quotaChanged }) => quotaChanged.crossed)).toContain('CRITICAL')

  // Who was away while it happened is told of it too.
  const resumed = subscribe<QuotaData>(client, quotaWatched, { after: before })
  await vi.waitFor(() => expect(resumed.data).toHaveLength(1))
  expect(resumed.data).toMatchObject([{ quotaChanged: { crossed: 'CRITICAL' } }])
})

test('a token of another subscription is refused', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const job = await plantJob(gateway, tenant)
  const another = await plantJob(gateway, tenant)
  using client = streamClient(gateway.url, tenant.tokens.owner)
  const first = subscribe<JobData>(client, jobWatched, { id: another.id })
  await vi.waitFor(() => expect(first.data).toHaveLength(1))
  const foreign = first.data[0]?.generationJob.resumeToken
  for (const after of [
    foreign,
    'nonsense',
    '',
    encodeCursor(`generationJob:${job.databaseId}`, ['-1', null]),
  ]) {
    for (const query of [jobWatched, jobsWatched, contentsWatched, quotaWatched]) {
      const watcher = subscribe(
        client,
        query,
        query === jobWatched ? { id: job.id, after } : { after },
      )
      await vi.waitFor(() => expect(watcher.completed).toBe(true))
      expect(watcher.results).toMatchObject([
        { errors: [{ extensions: { code: 'BAD_USER_INPUT' } }] },
      ])
    }
  }
})

test('queries and mutations take the same way, and errors are presented as anywhere', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  await createTestContents(gateway, tenant, 1)
  const operations: [string, Record<string, unknown>?][] = [
    ['{ contents { nodes { title } } }'],
    [
      'mutation ($input: CreateContentInput!) { createContent(input: $input) { __typename } }',
      { input: { title: 'New', body: { format: 'TEXT', raw: 'New' } } },
    ],
    ['{ nothing }'],
    ['{ contents(first: 1000) { nodes { title } } }'],
    ['query ($a: String) { contents(after: $a) { nodes { title } } }', { a: '\0' }],
  ]
  for (const [query, variables] of operations) {
    const { data, errors } = await gateway.query(tenant, query, variables)
    for (const open of [socketClient, streamClient]) {
      using client = open(gateway.url, tenant.tokens.owner)
      const answer = subscribe(client, query, variables)
      await vi.waitFor(() => expect(answer.completed || answer.failure !== undefined).toBe(true))
      // The error message of graphql-ws has no place for what an operation cost.
      const [result = { errors: answer.failure }] = answer.results
      const shown = { ...result, extensions: undefined }
      expect(JSON.parse(JSON.stringify(shown))).toEqual(
        JSON.parse(
          JSON.stringify({ ...(errors && { errors }), ...(data !== undefined && { data }) }),
        ),
      )
    }
  }
})

test('whoever asks for texts sees them while they are written', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const job = await plantJob(gateway, tenant)
  await moveJob(gateway, job, `status = 'running', started_at = now()`)
  using client = socketClient(gateway.url, tenant.tokens.owner)
  const watched = (wanted: boolean) => `subscription { generationJob(id: "${job.id}",
    includePartialText: ${wanted}) { kind partialText item { index } } }`
  interface Told {
    generationJob: { partialText: string | null; item: { index: number } | null }
  }
  const { admin } = gateway.database
  const isWatched = async () => {
    const { rows } = await admin.query<{ watched: boolean }>(
      `select partial_text_until > now() as watched from content_generation_jobs where id = $1`,
      [job.databaseId],
    )
    return rows[0]?.watched
  }
  const silent = subscribe<Told>(client, watched(false))
  await vi.waitFor(() => expect(silent.data).toHaveLength(1))
  expect(await isWatched()).toBe(false)
  const reader = subscribe<Told>(client, watched(true))
  await vi.waitFor(() => expect(reader.data).toHaveLength(1))
  expect(await isWatched()).toBe(true)
  for (const text of ['Once', 'Once upon']) {
    await admin.query(
      `update generation_items set state = 'running', partial_text = $2 || ' ' || seq
       where job_id = $1 and seq in (4, 7)`,
      [job.databaseId, text],
    )
    await moveJob(gateway, job, 'attempts = attempts')
    await vi.waitFor(() =>
      expect(reader.data.at(-1)?.generationJob).toMatchObject({
        partialText: `${text} 4`,
        item: { index: 4 },
      }),
    )
  }
  await moveJob(gateway, job, completed)
  await vi.waitFor(() => expect(silent.completed).toBe(true))
  expect(silent.data.filter(({ generationJob }) => generationJob.partialText !== null)).toEqual([])
})
