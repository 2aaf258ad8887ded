import { expect, test } from 'vitest'
import { startGateway } from '../../support/gateway.ts'
import { awaitJob, batch, startJob } from '../../support/drafting.ts'
import { graphql } from '../../support/gql/gql.ts'
import { expectIntact } from '../../support/integrity.ts'

const generatedContents = graphql(`
  query GeneratedContents($id: ID!) {
    generationJob(id: $id) {
      generatedContents(first: 100) {
        nodes {
          title
          type
          status
          platforms
          hashtags
          body {
            raw
          }
          generation {
            model
            prompt
            provider
            ownKey
            costUsd
            job {
              id
            }
          }
        }
      }
    }
    quota {
      usage {
        totalContentItems
        reservedBytes
      }
      limits {
        generatedThisMonth
      }
    }
  }
`)

test('a job of twenty five items makes as many contents, and says what they cost', async () => {
  await using gateway = await startGateway()
  await using _worker = await gateway.startWorker()
  const tenant = await gateway.newTenant()

  const { id } = await startJob(gateway, tenant, batch(25))
  const job = await awaitJob(gateway, tenant, id)

  expect(job).toMatchObject({ status: 'COMPLETED', progress: 25, failedCount: 0, errorCode: null })
  expect(job.items.nodes.map(({ status }) => status)).toEqual(Array(25).fill('STORED'))
  expect(Number(job.totalCostUsd)).toBeGreaterThan(0)
  const { data } = await gateway.query(tenant, generatedContents, { id })
  const contents = data?.generationJob?.generatedContents.nodes ?? []
  expect(contents).toHaveLength(25)
  expect(contents[0]).toMatchObject({
    type: 'POST',
    status: 'DRAFT',
    platforms: ['INSTAGRAM'],
    generation: { model: 'local-writer', provider: 'COMPATIBLE', ownKey: false, job: { id } },
  })
  expect(data?.quota).toMatchObject({
    usage: { totalContentItems: 25, reservedBytes: '0' },
    limits: { generatedThisMonth: 25 },
  })
  expect(gateway.llm.calls).toHaveLength(25)
  await expectIntact(gateway)
})
