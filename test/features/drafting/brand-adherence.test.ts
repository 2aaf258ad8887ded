import { expect, test } from 'vitest'
import { awaitJob, batch, inBrand, startJob } from '../../support/drafting.ts'
import { startGateway, type TestGateway, type TestTenant } from '../../support/gateway.ts'
import { graphql } from '../../support/gql/gql.ts'
import type { BrandAdherenceInput } from '../../support/gql/graphql.ts'
import { expectIntact } from '../../support/integrity.ts'

const generatedFlags = graphql(`
  query GeneratedFlags($id: ID!) {
    generationJob(id: $id) {
      generatedContents(first: 10) {
        nodes {
          brand {
            id
          }
          generation {
            flags
          }
        }
      }
    }
  }
`)

const voice = 'Dry, and never loud.'
const brands = [
  { name: 'Acme', campaignSpaces: [], voice, forbiddenWords: ['cheap', 'best in class'] },
]

/** The stand-in writes about its topic, and so uses every word of it. */
const forbidden = 'Cheap tea'
const flag = 'it uses the forbidden word "cheap"'

/** Two posts about `topics`, for the brand. */
async function write(
  gateway: TestGateway,
  tenant: TestTenant,
  topics: string[],
  brandAdherence: BrandAdherenceInput | null,
) {
  const { params } = batch(2)
  const fields = { ...inBrand(tenant), brandAdherence, params: { ...params, topics } }
  const { id } = await startJob(gateway, tenant, batch(2, fields))
  const job = await awaitJob(gateway, tenant, id)
  const { data } = await gateway.query(tenant, generatedFlags, { id })
  return { job, contents: data?.generationJob?.generatedContents.nodes ?? [] }
}

const callsAbout = ({ llm }: TestGateway, topic: string) =>
  llm.calls.filter(({ text }) => text?.includes(`a post about ${topic}.`))

const complaint = 'An earlier text was refused: '

test('STRICT: what uses a forbidden word is asked for three times, and never stored', async () => {
  await using gateway = await startGateway()
  await using _worker = await gateway.startWorker()
  const tenant = await gateway.newTenant({ brands })

  const { job, contents } = await write(gateway, tenant, [forbidden, 'coffee'], {
    level: 'STRICT',
  })

  expect(job).toMatchObject({ status: 'COMPLETED_WITH_ERRORS', progress: 1, failedCount: 1 })
  expect(job).toMatchObject({ errorCode: 'BRAND_ADHERENCE' })
  expect(job.items.nodes).toMatchObject([
    { status: 'FAILED', errorCode: 'BRAND_ADHERENCE', flags: [] },
    { status: 'STORED', errorCode: null, flags: [] },
  ])
  expect(job.items.nodes[0]?.errorMessage).toBe(`The text does not keep to the brand: ${flag}.`)
  // Refused texts are paid for.
  const [refused, stored] = job.items.nodes.map(({ costUsd }) => Number(costUsd))
  expect(refused).toBeGreaterThan(2 * (stored ?? Infinity))
  const asked = callsAbout(gateway, forbidden)
  expect(asked.map(({ text }) => text?.includes(complaint + flag))).toEqual([false, true, true])
  expect(callsAbout(gateway, 'coffee')).toHaveLength(1)
  expect(contents).toMatchObject([
    { brand: { id: inBrand(tenant).brandId }, generation: { flags: [] } },
  ])
  await expectIntact(gateway)
})

test('MODERATE: it gets a second try, and is stored with what is wrong with it', async () => {
  await using gateway = await startGateway()
  await using _worker = await gateway.startWorker()
  const tenant = await gateway.newTenant({ brands })

  const { job, contents } = await write(gateway, tenant, [forbidden, 'coffee'], {
    level: 'MODERATE',
  })

  expect(job).toMatchObject({ status: 'COMPLETED', progress: 2, failedCount: 0, errorCode: null })
  expect(job.items.nodes).toMatchObject([
    { status: 'STORED', errorCode: null, flags: [flag] },
    { status: 'STORED', flags: [] },
  ])
  expect(callsAbout(gateway, forbidden)).toHaveLength(2)
  expect(contents.map(({ generation }) => generation?.flags)).toEqual([[flag], []])
  await expectIntact(gateway)
})

test('MODERATE: a second try that keeps to the brand is stored without a flag', async () => {
  await using gateway = await startGateway()
  await using _worker = await gateway.startWorker()
  const tenant = await gateway.newTenant({ brands })
  gateway.llm.faults.add({ operation: 'chat', kind: 'wrongDraft', as: 'offBrand', times: 2 })

  const { job } = await write(gateway, tenant, ['tea', 'coffee'], { level: 'MODERATE' })

  expect(job).toMatchObject({ status: 'COMPLETED', progress: 2, errorCode: null })
  expect(job.items.nodes.map(({ flags }) => flags)).toEqual([[], []])
  expect(gateway.llm.calls).toHaveLength(4)
})

test('LOOSE: it is stored at once with what is wrong with it', async () => {
  await using gateway = await startGateway()
  await using _worker = await gateway.startWorker()
  const tenant = await gateway.newTenant({ brands })
  const fault = { operation: 'chat', kind: 'wrongDraft', as: 'offBrand' } as const
  gateway.llm.faults.add({ ...fault, text: `about ${forbidden}` })

  const { job, contents } = await write(gateway, tenant, [forbidden, 'coffee'], { level: 'LOOSE' })

  const flags = [flag, 'it does not keep to the voice of the brand']
  expect(job).toMatchObject({ status: 'COMPLETED', progress: 2 })
  expect(job.items.nodes.map((item) => item.flags)).toEqual([flags, []])
  expect(contents.map(({ generation }) => generation?.flags)).toEqual([flags, []])
  expect(gateway.llm.calls).toHaveLength(2)
})

const rules = ['The brand is called Acme.', `voice of the brand: ${voice}`, 'cheap, best in class']

test.for([
  ['voice and words', {}, [true, true, true]],
  ['words alone', { enforceBrandVoice: false }, [true, false, true]],
  ['voice alone', { checkCompliance: false }, [true, true, false]],
  ['neither', null, [true, false, false]],
] as const)(
  'of %s, as the job wants it, the model is told and the text is held to',
  async ([, adherence, told]) => {
    await using gateway = await startGateway()
    await using _worker = await gateway.startWorker()
    const tenant = await gateway.newTenant({ brands })
    gateway.llm.faults.add({ operation: 'chat', kind: 'wrongDraft', as: 'offBrand' })

    const level = adherence && { ...adherence, level: 'LOOSE' as const }
    const { job } = await write(gateway, tenant, [forbidden], level)

    const [, voiceTold, wordsTold] = told
    for (const { text = '' } of gateway.llm.calls) {
      expect(rules.map((rule) => text.includes(rule))).toEqual(told)
    }
    for (const { flags } of job.items.nodes) {
      expect(flags.length).toBe(Number(voiceTold) + Number(wordsTold))
    }
  },
)
