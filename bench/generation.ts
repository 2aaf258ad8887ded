import { setTimeout as delay } from 'node:timers/promises'
import { ask, type Endpoint } from './pages.ts'
import { startProgram } from './program.ts'
import { gateway, worker } from './scenarios.ts'
import type { World } from './world.ts'

export interface GenerationOptions {
  rounds: number
  nodeFlags: readonly string[]
  onProgress: (line: string) => void
  signal: AbortSignal
}

export const generationItems = 100
/** What a model takes for one text, and how many it is asked for at a time. */
export const modelMs = 2_000
export const callsAtOnce = 10
export const zerodbMs = 100
const warmUpItems = 20

/** Seconds from the request for a job until it is over, of each round. */
export async function measureGeneration(
  world: World,
  { rounds, nodeFlags, onProgress, signal }: GenerationOptions,
): Promise<number[]> {
  await using api = await startProgram(gateway(world, 64))
  await using _worker = await startProgram({ ...worker(world), nodeFlags })
  const endpoint = { url: api.url, token: world.token }
  await world.slowDownZeroDb('*', 0)
  await runJob(endpoint, warmUpItems, signal)
  await world.slowDownZeroDb('*', zerodbMs)
  world.slowDownModel(modelMs)
  const seconds: number[] = []
  for (let round = 1; round <= rounds; round++) {
    seconds.push(await runJob(endpoint, generationItems, signal))
    onProgress(`generation: ${round}/${rounds} jobs of ${generationItems} items`)
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
async function runJob(endpoint: Endpoint, items: number, signal: AbortSignal): Promise<number> {
  const input = {
    jobType: 'bench',
    contentType: 'POST',
    targetCount: items,
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
      if (status !== 'COMPLETED' || progress !== items) throw new Error(`the job is ${status}`)
      return (Date.parse(completedAt) - Date.parse(createdAt)) / 1_000
    }
    await delay(200, undefined, { signal })
  }
}

async function send(endpoint: Endpoint, query: string, variables: object) {
  const text = await ask(endpoint, JSON.stringify({ query, variables }))
  const answer = JSON.parse(text) as JobAnswer
  if (!answer.data) throw new Error(text.slice(0, 500))
  return answer.data.job
}
