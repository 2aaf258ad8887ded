import { UpstreamError, type UpstreamFailure } from '../../lib/errors.ts'

/** `compatible`: any endpoint that speaks as OpenAI does. */
export type ModelProvider = 'openai' | 'anthropic' | 'google' | 'compatible'

/** What a model is asked to write. */
export interface Draft {
  title: string
  body: string
  /** Without the leading `#`. */
  hashtags: string[]
  /** Without the leading `@`. */
  mentions: string[]
  /** The model's own judgement; null when it was given no voice to keep to. */
  followsBrandVoice: boolean | null
}

export interface ModelCall {
  provider: ModelProvider
  model: string
  /** The tenant's own; null for the platform's. */
  apiKey: string | null
  system: string
  prompt: string
  temperature: number | null
  maxTokens: number | null
  signal: AbortSignal
  /** Called with the whole text so far while it is being written; the answer is streamed then. */
  onText?: (text: string) => void
}

/** What a call has cost, whether or not its answer was of use. */
export interface ModelUsage {
  tokensIn: number
  tokensOut: number
  /** US dollars with six decimals, as text; `0.000000` for a model without a known price. */
  costUsd: string
}

export interface ModelAnswer extends ModelUsage {
  draft: Draft
  /** The provider's id of the answer. */
  generationId: string | null
}

/**
 * A model did not answer, or with something that is no draft; `throttled` when no call was let
 * through in time. Nothing the provider said is in it, nor a cause: providers echo keys and prompts.
 */
export class ModelError extends UpstreamError {
  /** What was paid for nothing. */
  readonly usage: ModelUsage
  /** The provider refuses the key: no call with it will succeed. */
  readonly credentials: boolean

  constructor(
    failure: UpstreamFailure,
    message: string,
    options: { usage?: ModelUsage; credentials?: boolean; retryAfterMs?: number } = {},
  ) {
    const { usage, credentials, ...rest } = options
    super('model', failure, message, rest)
    this.usage = usage ?? { tokensIn: 0, tokensOut: 0, costUsd: '0.000000' }
    this.credentials = credentials ?? false
  }
}
