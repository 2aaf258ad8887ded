import { setTimeout as delay } from 'node:timers/promises'
import { gateway, worker } from '../contenders.ts'
import { ask, type Endpoint, requestBody } from '../pages.ts'
import { profileFlags, startProgram } from '../program.ts'
import type { Bench, Section } from '../section.ts'
import { spreadOf, showSpread } from '../spread.ts'
import { renderTable } from '../table.ts'

const items = 100
const warmUpItems = 20
/** What a model takes for one text, and how many it is asked for at a time. */
const modelMs = 2_000
const callsAtOnce = 10
/** What every call of ZeroDB takes longer. */
const zerodbMs = 100
/** If nothing but the model took time. */
const idealSeconds = (items / callsAtOnce) * (modelMs / 1_000)

export const generation: Section = {
  name: 'generation',
  about: `a job of ${items} items, ${callsAtOnce} calls at a time, model ${modelMs} ms, ZeroDB ${zerodbMs} ms slower`,
  async run(bench) {
    const seconds = await measureJobs(bench)
    const took = spreadOf(seconds)
    const ratio = (took?.median ?? Number.NaN) / idealSeconds
    const { name, about } = this
    return {
      table: renderTable(`${name}: ${about}`, [
        ['ideal s', 'measured s', 'ratio', 'jobs'],
        [idealSeconds.toFixed(1), showSpread(took, 1), ratio.toFixed(3), `${seconds.length}`],
      ]),
      targets: [{ what: `${name}: time ÷ ideal`, measured: ratio, relation: '≤', target: 1.15 }],
      figures: { items, modelMs, zerodbMs, idealSeconds, seconds, ratio },
    }
  },
}

/** Seconds from the request for a job until it is over, of each round. */
async function measureJobs(bench: Bench): Promise<number[]> {
  const { signal, progress, options } = bench
  const rounds = bench.quick ? 1 : 3
  await using world = await bench.openWorld()
  await using api = await startProgram(gateway(world, 64))
  const nodeFlags = profileFlags(options.profileDir, 'generation-worker')
  await using _worker = await startProgram({ ...worker(world), nodeFlags })
  const endpoint = { url: api.url, token: world.token }
  await runJob(endpoint, warmUpItems, signal)
  await world.slowDownZeroDb('*', zerodbMs)
  world.slowDownModel(modelMs)
  const seconds: number[] = []
  for (let round = 1; round <= rounds; round++) {
    seconds.push(await runJob(endpoint, items, signal))
    progress(`generation: ${round}/${rounds} jobs of ${items} items`)
  }
  return seconds
}

interface JobAnswer {
  data?: {
    job: {
      job?: { id: string }
      status?: string
      createdAt?: string
      completedAt?: string | null
      progress?: number
    }
  } | null
}

const start = `mutation Start($input: GenerateContentBatchInput!) {
  job: generateContentBatch(input: $input) { ... on GenerationJobSuccess { job { id } } ... on Error { message } }
}`
const look = `query Look($id: ID!) { job: generationJob(id: $id) { status createdAt completedAt progress } }`

/** By the clock of PostgreSQL, which is the same for both ends. */
async function runJob(endpoint: Endpoint, count: number, signal: AbortSignal): Promise<number> {
  const input = {
    jobType: 'bench',
    contentType: 'POST',
    targetCount: count,
    platforms: [],
    params: {
      model: 'local-writer',
      promptTemplate: 'Write about {topic}.',
      topics: ['tea', 'rain'],
    },
  }
  const id = (await send(endpoint, start, { input })).job?.id
  if (id === undefined) throw new Error('the job was refused')
  for (;;) {
    signal.throwIfAborted()
    const { status, createdAt, completedAt, progress } = await send(endpoint, look, { id })
    if (createdAt && completedAt) {
      if (status !== 'COMPLETED' || progress !== count) throw new Error(`the job is ${status}`)
      return (Date.parse(completedAt) - Date.parse(createdAt)) / 1_000
    }
    await delay(200, undefined, { signal })
  }
}

async function send(endpoint: Endpoint, query: string, variables: object) {
  const text = await ask(endpoint, requestBody(query, variables))
  const answer = JSON.parse(text) as JobAnswer
  if (!answer.data) throw new Error(text.slice(0, 500))
  return answer.data.job
}
