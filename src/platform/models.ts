import { findConnection, type Connection, type ModelEndpoints } from './models/connect.ts'
import { readDraft } from './models/draft.ts'
import { explain } from './models/explain.ts'
import { createGates, type Pass } from './models/gate.ts'
import { ModelError } from './models/model-call.ts'
import type { ModelAnswer, ModelCall, ModelProvider, ModelUsage } from './models/model-call.ts'
import { costUsd, findPrice, type ModelPrice, type Prices } from './models/prices.ts'
import { createWriting, type Written } from './models/write-draft.ts'
import { llmCall } from './telemetry.ts'

export type { ModelEndpoints } from './models/connect.ts'
export {
  type Draft,
  type ModelAnswer,
  type ModelCall,
  ModelError,
  type ModelProvider,
  type ModelUsage,
} from './models/model-call.ts'

export interface ModelsOptions {
  endpoints: ModelEndpoints
  prices: Prices
  /** For one request, from its being sent to the end of the answer. */
  timeoutMs: number
  /** How long a call waits while its provider wants none; five minutes by default. */
  patienceMs?: number
}

export interface Models {
  /**
   * One draft. Waits while the provider asks for a pause, and makes no repeats but after those.
   * Throws ModelError, or the signal's reason when the caller leaves.
   */
  generate(call: ModelCall): Promise<ModelAnswer>
  /** Null for a model nobody has told the price of. */
  priceOf(model: string): ModelPrice | null
  /** Who serves a model by its name, e.g. `claude-…`. */
  providerOf(model: string): ModelProvider
  /** Whether the platform itself can call it, without a tenant's key. */
  hasPlatformKey(provider: ModelProvider): boolean
}

export function createModels(options: ModelsOptions): Models {
  const { endpoints, prices, timeoutMs, patienceMs = 300_000 } = options
  const gateOf = createGates()
  const priceOf = (model: string) => findPrice(prices, model)
  return {
    async generate(call) {
      const connection = findConnection(endpoints, call)
      const gate = gateOf(connection.provider, connection.baseUrl, connection.apiKey)
      const patientUntil = performance.now() + patienceMs
      for (;;) {
        using pass = await gate.enter(call.signal, patientUntil - performance.now())
        if (!pass) throw outOfPatience(connection.provider, gate.pausedMs())
        try {
          const written = await llmCall(connection.provider, () =>
            send(connection, call, pass, timeoutMs),
          )
          return understand(call, written, priceOf)
        } catch (error) {
          if (!(error instanceof ModelError && error.failure === 'throttled')) throw error
        }
      }
    },
    priceOf,
    providerOf: (model) => vendors.find(([names]) => names.test(model))?.[1] ?? 'compatible',
    hasPlatformKey: (provider) =>
      provider === 'compatible'
        ? endpoints.compatible.baseUrl !== null
        : endpoints[provider].apiKey !== null,
  }
}

const vendors: readonly [RegExp, ModelProvider][] = [
  [/^(gpt-|chatgpt-|o[134](-|$))/, 'openai'],
  [/^claude-/, 'anthropic'],
  [/^gemini-/, 'google'],
]

function outOfPatience(provider: ModelProvider, pausedMs: number): ModelError {
  const retryAfterMs = Math.max(1_000, Math.ceil(pausedMs))
  return new ModelError('throttled', `${provider} let no call through for too long`, {
    retryAfterMs,
  })
}

/** One request; its gate is told how it went. */
async function send(
  connection: Connection,
  call: ModelCall,
  pass: Pass,
  timeoutMs: number,
): Promise<Written> {
  const deadline = AbortSignal.timeout(timeoutMs)
  const { exchange, write } = createWriting(connection, call, (status) => {
    if (status < 400) pass.answered()
  })
  try {
    const written = await write(AbortSignal.any([call.signal, deadline]))
    pass.served()
    return written
  } catch (error) {
    call.signal.throwIfAborted()
    const failure = deadline.aborted
      ? new ModelError('timeout', `${connection.provider} took longer than ${timeoutMs} ms`)
      : explain(connection.provider, exchange, error)
    tell(pass, failure)
    throw failure
  }
}

function tell(pass: Pass, { failure, retryAfterMs }: ModelError): void {
  if (failure === 'throttled') pass.throttled(retryAfterMs)
  else if (failure === 'unavailable' || failure === 'timeout') pass.failed()
  else pass.served()
}

/** Text that was cut short is not tried: what looks whole may end in the middle of a sentence. */
function understand(
  { provider, model, system, prompt }: ModelCall,
  { text, finishReason, usage, generationId }: Written,
  priceOf: Models['priceOf'],
): ModelAnswer {
  const tokensIn = count(usage.inputTokens.total, system + prompt)
  const tokensOut = count(usage.outputTokens.total, text)
  const price = priceOf(model) ?? { inputUsd: 0, outputUsd: 0 }
  const spent: ModelUsage = { tokensIn, tokensOut, costUsd: costUsd(price, tokensIn, tokensOut) }
  const fail = (what: string) =>
    new ModelError('malformed', `${provider} ${what}`, { usage: spent })
  if (finishReason === 'length') throw fail('stopped at the greatest number of tokens')
  if (finishReason === 'content-filter') throw fail('refused to write this')
  const draft = readDraft(text)
  if (!draft) throw fail('answered with something that is no draft')
  return { ...spent, draft, generationId }
}

const charactersPerToken = 4

/** Endpoints that do not count are counted for, roughly: a limit on costs must not stand still. */
function count(tokens: number | undefined, text: string): number {
  return Math.max(0, Math.round(tokens ?? text.length / charactersPerToken))
}
