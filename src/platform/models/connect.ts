import { createAnthropic } from '@ai-sdk/anthropic'
import { createGoogle } from '@ai-sdk/google'
import { createOpenAI } from '@ai-sdk/openai'
import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { ModelError, type ModelCall, type ModelProvider } from './model-call.ts'

/** Where a provider is, and the platform's own key for it. */
export interface ModelEndpoint {
  /** With the version, e.g. `https://api.openai.com/v1`. Null: the vendor's own; `compatible` has none. */
  baseUrl: string | null
  apiKey: string | null
}

export type ModelEndpoints = Readonly<Record<ModelProvider, ModelEndpoint>>

/** Who is called, and with what. */
export interface Connection {
  provider: ModelProvider
  baseUrl: string
  /** Empty when the endpoint wants none. */
  apiKey: string
}

const vendorUrls: Readonly<Record<ModelProvider, string | null>> = {
  openai: 'https://api.openai.com/v1',
  anthropic: 'https://api.anthropic.com/v1',
  google: 'https://generativelanguage.googleapis.com/v1beta',
  compatible: null,
}

/** Throws ModelError when there is no address, or no key where one is needed. */
export function findConnection(endpoints: ModelEndpoints, call: ModelCall): Connection {
  const { provider } = call
  const endpoint = endpoints[provider]
  const baseUrl = endpoint.baseUrl ?? vendorUrls[provider]
  const apiKey = call.apiKey ?? endpoint.apiKey
  if (baseUrl === null) throw new ModelError('rejected', 'LLM_BASE_URL is not configured')
  if (!apiKey && provider !== 'compatible') {
    throw new ModelError('rejected', `no key for ${provider}`, { credentials: true })
  }
  return { provider, baseUrl, apiKey: apiKey ?? '' }
}

export type LanguageModel = ReturnType<ReturnType<typeof createOpenAI>['chat']>

/**
 * A model behind a connection, for one call. Address and key are always named: where they are not,
 * the SDK takes them from the environment, and a tenant would write at the platform's expense.
 */
export function connect(
  { provider, baseUrl: baseURL, apiKey }: Connection,
  model: string,
  fetchAnswer: typeof fetch,
): LanguageModel {
  const settings = { baseURL, apiKey, fetch: fetchAnswer }
  switch (provider) {
    case 'openai':
      return createOpenAI(settings).chat(model)
    case 'anthropic':
      return createAnthropic(settings)(model)
    case 'google':
      return createGoogle(settings)(model)
    case 'compatible':
      return createOpenAICompatible({
        ...settings,
        name: provider,
        includeUsage: true,
        supportsStructuredOutputs: true,
      })(model)
  }
}

/** OpenAI's models from before structured outputs refuse a request with a schema. */
const withoutSchema = /^(gpt-3\.5|gpt-4($|-\d|-turbo)|chatgpt-|o1-(mini|preview))/

export function takesSchema(provider: ModelProvider, model: string): boolean {
  return provider !== 'openai' || !withoutSchema.test(model)
}
