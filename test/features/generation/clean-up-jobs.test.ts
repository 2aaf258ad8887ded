import { expect, test } from 'vitest'
import { cleanUpJobs } from '../../../src/features/generation/clean-up-jobs.ts'
import { decodeGlobalId } from '../../../src/graphql/global-id.ts'
import { createTestContents } from '../../support/contents.ts'
import { answered, plantProgress, startJob } from '../../support/generation.ts'
import { startGateway, type TestGateway, type TestTenant } from '../../support/gateway.ts'
import { graphql } from '../../support/gql/gql.ts'
import { plantGeneration } from './plants.ts'

const jobsDocument = graphql(`
  query JobsLeft {
    generationJobs {
      nodes {
        id
      }
    }
  }
`)

const generationDocument = graphql(`
  query GenerationLeft($id: ID!) {
    content(ref: { id: $id }) {
      generation {
        model
        job {
          id
        }
      }
    }
  }
`)

async function jobsLeft(gateway: TestGateway, tenant: TestTenant): Promise<string[]> {
  const { generationJobs } = answered(await gateway.query(tenant, jobsDocument))
  return generationJobs.nodes.map(({ id }) => id)
}

async function endedDaysAgo({ database }: TestGateway, id: string, days: number): Promise<void> {
  await database.admin.query(
    'update content_generation_jobs set completed_at = now() - make_interval(days => $2) where id = $1',
    [decodeGlobalId(id).id, days],
  )
}

test('a job goes when the plan no longer keeps it, and how a content was generated stays', async () => {
  await using gateway = await startGateway()
  const { services } = gateway
  const deps = { ...services, signal: AbortSignal.timeout(10_000) }
  const free = await gateway.newTenant({ planTier: 'free' })
  const enterprise = await gateway.newTenant({ planTier: 'enterprise' })
  const jobs = async (tenant: TestTenant, days: readonly number[]) => {
    const ids: string[] = []
    for (const age of days) {
      const id = await startJob(gateway, tenant)
      await plantProgress(gateway, id, { status: 'COMPLETED', stored: 3 })
      await endedDaysAgo(gateway, id, age)
      ids.push(id)
    }
    return ids
  }
  const [overdue = '', kept = ''] = await jobs(free, [31, 29])
  const [, stillKept = ''] = await jobs(enterprise, [366, 364])
  const open = await startJob(gateway, free)
  const [content = ''] = await createTestContents(gateway, free, 1)
  await plantGeneration(gateway, free, content, overdue)

  await cleanUpJobs(deps)
  await cleanUpJobs(deps)

  expect(await jobsLeft(gateway, free)).toEqual([open, kept])
  expect(await jobsLeft(gateway, enterprise)).toEqual([stillKept])
  const items = await gateway.database.admin.query(
    'select from generation_items where job_id = $1',
    [decodeGlobalId(overdue).id],
  )
  expect(items.rowCount).toBe(0)
  expect(answered(await gateway.query(free, generationDocument, { id: content }))).toEqual({
    content: { generation: { model: 'gpt-4', job: null } },
  })
})
