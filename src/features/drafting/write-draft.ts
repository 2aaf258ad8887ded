import { setTimeout as delay } from 'node:timers/promises'
import { type Draft, ModelError, type Models, type ModelUsage } from '../../platform/models.ts'
import type { StopReason } from '../generation/stop-job.ts'
import { isRefused, violationsOf } from './check-draft.ts'
import { type BrandGuidelines, promptOf, systemPromptOf } from './draft-prompt.ts'
import type { ClaimedItem, ClaimedJob } from './job-run.ts'
import type { Failure } from './record-failure.ts'
import { keyRejected } from './refused-key.ts'

/** A text that is ready to be stored. */
export interface Written {
  item: ClaimedItem
  draft: Draft
  prompt: string
  usage: ModelUsage
  generationId: string | null
  /** In what it does not keep to its brand. */
  flags: readonly string[]
}

/** What stays the same for all items of a job. */
export interface DraftDeps {
  models: Models
  job: ClaimedJob
  brand: BrandGuidelines | null
  apiKey: string | null
  signal: AbortSignal
  /** Present while somebody watches. */
  onText?: (item: ClaimedItem, text: string) => void
  /** Books a useless answer; false when the item is no longer ours. */
  fail: (item: ClaimedItem, failure: Failure) => Promise<boolean>
}

/** An item whose answers were of no use so often has failed. */
const maxFailures = 3
const firstBackoffMs = 500

/** Nothing that this job asks of its model will succeed. */
export class JobStoppedError extends Error {
  override readonly name = 'JobStoppedError'
  readonly reason: StopReason

  constructor(reason: StopReason) {
    super(reason.message)
    this.reason = reason
  }
}

/**
 * One item's text, asked for up to three times; null when it has failed or was taken over. Throws
 * JobStoppedError when the key is refused, or the signal's reason.
 */
export async function writeDraft(deps: DraftDeps, item: ClaimedItem): Promise<Written | null> {
  let complaints: readonly string[] = []
  for (let failures = item.failures; ; failures++) {
    const outcome = await ask(deps, item, failures, complaints)
    if ('draft' in outcome) return outcome
    const final = outcome.isFinal || failures + 1 >= maxFailures
    const { reason, usage } = outcome
    if (!(await deps.fail(item, { reason, usage, final })) || final) return null
    complaints = outcome.complaints
    await delay(firstBackoffMs * 2 ** failures, undefined, { signal: deps.signal })
  }
}

interface Useless {
  reason: StopReason
  usage: ModelUsage
  isFinal: boolean
  complaints: readonly string[]
}

async function ask(
  deps: DraftDeps,
  item: ClaimedItem,
  failures: number,
  complaints: readonly string[],
): Promise<Written | Useless> {
  const { models, job, brand, apiKey, signal, onText } = deps
  const { provider, model, generationParams, brandAdherence = null } = job
  const { temperature, maxTokens } = generationParams
  const prompt = promptOf(job, item.topic, complaints)
  const system = systemPromptOf(job, brand)
  const call = { provider, model, apiKey, system, prompt, temperature, maxTokens, signal }
  try {
    const { draft, generationId, ...usage } = await models.generate({
      ...call,
      ...(onText && { onText: (text: string) => onText(item, text) }),
    })
    const flags = violationsOf(draft, brandAdherence, brand)
    if (flags.length === 0 || !brandAdherence || !isRefused(brandAdherence, failures)) {
      return { item, draft, prompt, usage, generationId, flags }
    }
    const message = `The text does not keep to the brand: ${flags.join('; ')}.`
    const reason = { code: 'BRAND_ADHERENCE', message } as const
    return { reason, usage, isFinal: false, complaints: flags }
  } catch (error) {
    if (!(error instanceof ModelError)) throw error
    return useless(job, error)
  }
}

function useless(job: ClaimedJob, error: ModelError): Useless {
  const { usage, failure } = error
  if (error.credentials) throw new JobStoppedError(keyRejected(job))
  const isFinal = failure === 'rejected'
  return { reason: reasonOf(job, error), usage, isFinal, complaints: [] }
}

function reasonOf({ model }: ClaimedJob, { failure }: ModelError): StopReason {
  if (failure === 'malformed') {
    return { code: 'INVALID_OUTPUT', message: 'The model answered with something that is no text.' }
  }
  if (failure === 'rejected') {
    const message = `The provider refuses this request to the model "${model}". Check its name, and the prompt.`
    return { code: 'MODEL_REJECTED', message }
  }
  const message = `The model "${model}" did not answer (${failure}). Try again with retryGenerationJob.`
  return { code: 'MODEL_UNAVAILABLE', message }
}
