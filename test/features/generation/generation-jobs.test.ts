import { expect, test } from 'vitest'
import { brandOf, createTestContents } from '../../support/contents.ts'
import { answered, plantProgress, startJob } from '../../support/generation.ts'
import { startGateway, type TestGateway, type TestTenant } from '../../support/gateway.ts'
import { graphql } from '../../support/gql/gql.ts'
import { plantContents } from './plants.ts'

const jobDocument = graphql(`
  query Job($id: ID!) {
    generationJob(id: $id) {
      __typename
      id
      status
      progress
      targetCount
      progressPercent
      message
      errorCode
      errorMessage
      failedCount
      skippedCount
      startedAt
      completedAt
      estimatedCompletionAt
      estimatedStorageBytes
      estimatedCostUsd
      maxCostUsd
      totalCostUsd
      leaseExpiresAt
      attempts
      ownKey
      quotaCheck {
        canStore
        currentGb
        projectedGb
      }
      createdBy {
        displayName
      }
      brand {
        name
      }
      params {
        model
        temperature
        topics
      }
    }
  }
`)

const pageDocument = graphql(`
  query JobPage($first: Int, $after: String, $status: [JobStatus!], $brandId: ID) {
    generationJobs(first: $first, after: $after, status: $status, brandId: $brandId) {
      nodes {
        id
        createdBy {
          displayName
        }
        brand {
          name
        }
        quotaCheck {
          canStore
        }
        items(first: 2) {
          nodes {
            index
            topic
            content {
              title
            }
          }
        }
        generatedContents(first: 2) {
          nodes {
            title
            generation {
              model
              job {
                id
              }
            }
          }
        }
      }
      pageInfo {
        hasNextPage
        endCursor
      }
      totalCount {
        value
        isExact
      }
    }
  }
`)

const itemsDocument = graphql(`
  query JobItems($id: ID!, $first: Int, $after: String, $last: Int, $status: [JobItemStatus!]) {
    generationJob(id: $id) {
      items(first: $first, after: $after, last: $last, status: $status) {
        nodes {
          index
          status
          topic
          errorCode
          errorMessage
          costUsd
          tokensOut
          content {
            id
          }
        }
        pageInfo {
          hasNextPage
          hasPreviousPage
          endCursor
        }
      }
      generatedContents(first: $first, after: $after, last: $last) {
        nodes {
          id
          generation {
            provider
            prompt
            costUsd
            ownKey
            flags
          }
        }
        pageInfo {
          hasNextPage
        }
        totalCount {
          value
        }
      }
    }
  }
`)

const whereDocument = graphql(`
  query ByJob($id: ID!) {
    contents(where: { generationJobId: $id }) {
      nodes {
        id
      }
    }
  }
`)

async function jobOf(gateway: TestGateway, who: TestTenant | string, id: string) {
  const { generationJob } = answered(await gateway.query(who, jobDocument, { id }))
  if (!generationJob) throw new Error('no job')
  return generationJob
}

test('a job shows what was asked for and how far it is', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const { brandId } = brandOf(tenant)
  const id = await startJob(gateway, tenant, { brandId, targetCount: 50, maxCostUsd: '5' })
  const pending = await jobOf(gateway, tenant.tokens.viewer, id)
  expect(pending).toMatchObject({
    __typename: 'GenerationJob',
    status: 'PENDING',
    progressPercent: 0,
    message: 'The job waits for a worker.',
    maxCostUsd: '5.000000',
    totalCostUsd: '0.000000',
    leaseExpiresAt: null,
    ownKey: false,
    createdBy: { displayName: 'The owner' },
    brand: { name: 'Test brand' },
    params: { model: 'gpt-4', temperature: 0.7, topics: ['summer', 'product launch'] },
  })
  const ahead = (iso: unknown) => Date.parse(String(iso)) - Date.now()
  expect(ahead(pending.estimatedCompletionAt)).toBeGreaterThan(0)
  const { projectedGb, currentGb } = pending.quotaCheck
  expect(projectedGb - currentGb).toBeCloseTo(Number(pending.estimatedStorageBytes) / 1024 ** 3, 12)

  await plantProgress(gateway, id, { status: 'RUNNING', stored: 30, failed: 2, running: 10 })

  const running = await jobOf(gateway, tenant, id)
  expect(running).toMatchObject({
    status: 'RUNNING',
    progress: 30,
    progressPercent: 60,
    message: '30 out of 50 items were generated so far.',
    leaseExpiresAt: expect.any(String) as string,
    attempts: 1,
  })
  // A minute for 32 items leaves 34 seconds for 18.
  const leftMs = ahead(running.estimatedCompletionAt)
  expect(leftMs).toBeGreaterThan(20_000)
  expect(leftMs).toBeLessThan(120_000)

  await plantProgress(gateway, id, { status: 'COMPLETED_WITH_ERRORS', stored: 47, failed: 3 })
  expect(await jobOf(gateway, tenant, id)).toMatchObject({
    message:
      '47 out of 50 items were generated; 3 failed. retryGenerationJob tries the rest again.',
    failedCount: 3,
    estimatedCompletionAt: null,
    leaseExpiresAt: null,
  })
})

test('items and what they made come in pages, in their order', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const id = await startJob(gateway, tenant, { targetCount: 7 })
  const contents = await createTestContents(gateway, tenant, 4)
  // The order of the items counts, not that of the contents.
  contents.reverse()
  await plantContents(gateway, tenant, id, contents)
  await plantProgress(gateway, id, { status: 'RUNNING', stored: 4, failed: 1 })
  const page = async (variables: object) => {
    const found = answered(await gateway.query(tenant, itemsDocument, { id, ...variables }))
    if (!found.generationJob) throw new Error('no job')
    return found.generationJob
  }

  const first = await page({ first: 3 })
  expect(first.items.nodes).toMatchObject(
    contents.slice(0, 3).map((content, index) => ({
      index,
      status: 'STORED',
      topic: ['summer', 'product launch'][index % 2],
      errorCode: null,
      costUsd: '0.048000',
      tokensOut: '710',
      content: { id: content },
    })),
  )
  expect(first.generatedContents.nodes.map((content) => content.id)).toEqual(contents.slice(0, 3))
  expect(first.generatedContents).toMatchObject({
    pageInfo: { hasNextPage: true },
    totalCount: { value: 4 },
  })
  expect(first.generatedContents.nodes[0]?.generation).toEqual({
    provider: 'OPENAI',
    prompt: 'About summer',
    costUsd: '0.048000',
    ownKey: true,
    flags: ['it uses the forbidden word "cheap"'],
  })

  const second = await page({ first: 3, after: first.items.pageInfo.endCursor })
  expect(second.items.nodes.map(({ index }) => index)).toEqual([3, 4, 5])
  expect(second.items.nodes[1]).toMatchObject({
    status: 'FAILED',
    content: null,
    errorCode: 'INVALID_OUTPUT',
    errorMessage: 'The text was empty.',
  })
  expect(second.generatedContents.nodes.map((content) => content.id)).toEqual(contents.slice(3))
  const last = await page({ last: 2 })
  expect(last.items.nodes.map(({ index }) => index)).toEqual([5, 6])
  expect(last.items.pageInfo).toMatchObject({ hasPreviousPage: true })
  const failed = await page({ status: ['FAILED'] })
  expect(failed.items.nodes.map(({ index }) => index)).toEqual([4])
  const byJob = answered(await gateway.query(tenant, whereDocument, { id }))
  expect(byJob.contents.nodes.map((content) => content.id).toSorted()).toEqual(contents.toSorted())
  const { errors } = await gateway.query(tenant, itemsDocument, { id, after: 'x' })
  expect(errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT' } }])
})

test('jobs come newest first, by status and by brand, and a page of 20 costs what one of 2 does', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const { brandId } = brandOf(tenant)
  const jobs: string[] = []
  const contents = await createTestContents(gateway, tenant, 44)
  for (let n = 0; n < 22; n++) {
    const id = await startJob(gateway, tenant, n % 2 ? { brandId } : {})
    await plantContents(gateway, tenant, id, contents.slice(n * 2, n * 2 + 2))
    await plantProgress(gateway, id, { status: n < 20 ? 'COMPLETED' : 'FAILED', stored: 2 })
    jobs.unshift(id)
  }
  const list = async (variables: object) =>
    answered(await gateway.query(tenant, pageDocument, variables)).generationJobs

  const first = await list({})
  expect(first.nodes.map(({ id }) => id)).toEqual(jobs.slice(0, 20))
  expect(first).toMatchObject({
    pageInfo: { hasNextPage: true },
    totalCount: { value: 22, isExact: true },
  })
  expect(first.nodes[0]).toMatchObject({
    items: { nodes: [{ content: { title: 'Content 42' } }, { content: { title: 'Content 43' } }] },
    generatedContents: { nodes: [{ generation: { job: { id: jobs[0] } } }, {}] },
  })
  const second = await list({ after: first.pageInfo.endCursor })
  expect(second.nodes.map(({ id }) => id)).toEqual(jobs.slice(20))
  expect(second.pageInfo.hasNextPage).toBe(false)
  const failed = await list({ status: ['FAILED', 'RUNNING'] })
  expect(failed.nodes.map(({ id }) => id)).toEqual(jobs.slice(0, 2))
  expect((await list({ brandId })).totalCount.value).toBe(11)

  const cost = (count: number) => gateway.explain(tenant, pageDocument, { first: count })
  const small = await cost(2)
  const large = await cost(20)
  expect(large.postgres).toBe(small.postgres)
  expect(large.zerodb).toBe(0)
})

test("whoever is not in a brand sees its jobs nowhere, and nobody another tenant's", async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const other = await gateway.newTenant()
  const ofBrand = await startJob(gateway, tenant, { brandId: brandOf(tenant).brandId })
  const ofNone = await startJob(gateway, tenant)
  await gateway.database.admin.query('delete from brand_members where tenant_id = $1', [tenant.id])
  const seen = async (who: string) => {
    const page = answered(await gateway.query(who, pageDocument, {}))
    const one = await gateway.query(who, jobDocument, { id: ofBrand })
    const ids = page.generationJobs.nodes.map(({ id }) => id)
    return { ids, count: page.generationJobs.totalCount.value, one: one.data?.generationJob?.id }
  }
  expect(await seen(tenant.tokens.owner)).toEqual({
    ids: [ofNone, ofBrand],
    count: 2,
    one: ofBrand,
  })
  expect(await seen(tenant.tokens.viewer)).toEqual({ ids: [ofNone], count: 1, one: undefined })
  expect(await seen(other.tokens.owner)).toEqual({ ids: [], count: 0, one: undefined })
})

test('whoever sees published contents only sees no job and no prompt', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const id = await startJob(gateway, tenant)
  const contents = await createTestContents(gateway, tenant, 1)
  await plantContents(gateway, tenant, id, contents)
  await gateway.database.admin.query(`update content_items set status = 'published'`)
  const claims = { subject: 'owner@test', tenantId: tenant.id }
  const token = await gateway.signToken({ ...claims, scope: 'CONTENT_READ' })
  const asked = [
    `{ generationJob(id: "${id}") { id } }`,
    `{ node(id: "${id}") { ... on GenerationJob { jobType } } }`,
    `{ generationJobs { nodes { id } } }`,
    `{ content(ref: { id: "${contents[0]}" }) { generation { prompt } } }`,
  ]
  for (const query of asked) {
    const { errors, text } = await gateway.query(token, query)
    expect(errors).toMatchObject([{ extensions: { code: 'FORBIDDEN' } }])
    expect(text).not.toContain('summer')
  }
  const starter = await gateway.signToken({ ...claims, scope: 'CONTENT_READ GENERATE' })
  const own = await gateway.query(
    starter,
    `{ node(id: "${id}") { ... on GenerationJob { jobType } } }`,
  )
  expect(own.data).toEqual({ node: { jobType: 'social_media_posts' } })
})
