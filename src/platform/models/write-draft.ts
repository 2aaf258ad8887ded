import { connect, takesSchema, type Connection, type LanguageModel } from './connect.ts'
import { draftSchema, readBodySoFar } from './draft.ts'
import { createExchange, type Exchange } from './exchange.ts'
import type { ModelCall } from './model-call.ts'

type CallOptions = Parameters<LanguageModel['doGenerate']>[0]
type Generated = Awaited<ReturnType<LanguageModel['doGenerate']>>

/** What a model wrote, not yet understood. */
export interface Written extends Pick<Generated, 'usage'> {
  text: string
  finishReason: Generated['finishReason']['unified']
  generationId: string | null
}

/** A stream says a word in a few hundred bytes; its text is limited by itself. */
const maxAnswerBytes = 1024 ** 2
const maxStreamBytes = 16 * maxAnswerBytes

/** The answer's text is longer than any draft. */
export class TextTooLongError extends Error {}

/** The request of one call, and what is known of it while it runs. */
export function createWriting(
  connection: Connection,
  call: ModelCall,
  onStatus: (status: number) => void,
): { exchange: Exchange; write(signal: AbortSignal): Promise<Written> } {
  const { onText } = call
  const exchange = createExchange(onText ? maxStreamBytes : maxAnswerBytes, onStatus)
  const model = connect(connection, call.model, exchange.fetch)
  return {
    exchange,
    write(signal) {
      const options = optionsOf(call, signal)
      return onText ? stream(model, options, onText) : generate(model, options)
    },
  }
}

function optionsOf(call: ModelCall, abortSignal: AbortSignal): CallOptions {
  const { provider, model, system, prompt, temperature, maxTokens } = call
  const inWords = `${system}\n\nAnswer with a JSON object of this schema and nothing else: `
  const bySchema = takesSchema(provider, model)
  return {
    prompt: [
      { role: 'system', content: bySchema ? system : inWords + JSON.stringify(draftSchema) },
      { role: 'user', content: [{ type: 'text', text: prompt }] },
    ],
    ...(bySchema && { responseFormat: { type: 'json', name: 'draft', schema: draftSchema } }),
    ...(temperature !== null && { temperature }),
    ...(maxTokens !== null && { maxOutputTokens: maxTokens }),
    abortSignal,
  }
}

async function generate(model: LanguageModel, options: CallOptions): Promise<Written> {
  const { content, structuredOutputText, usage, finishReason, response } =
    await model.doGenerate(options)
  const texts = content.map((part) => (part.type === 'text' ? part.text : ''))
  const text = structuredOutputText ?? texts.join('')
  return { text, usage, finishReason: finishReason.unified, generationId: response?.id ?? null }
}

async function stream(
  model: LanguageModel,
  options: CallOptions,
  onText: (text: string) => void,
): Promise<Written> {
  const { stream: parts } = await model.doStream(options)
  const report = createReporter(onText)
  const written: Written = { text: '', usage: noUsage, finishReason: 'other', generationId: null }
  for await (const part of parts) {
    switch (part.type) {
      case 'text-delta':
        written.text += part.delta
        if (written.text.length > maxAnswerBytes) throw new TextTooLongError()
        await report(written.text)
        break
      case 'response-metadata':
        written.generationId = part.id ?? null
        break
      case 'finish':
        written.usage = part.usage
        written.finishReason = part.finishReason.unified
        break
      case 'error':
        throw part.error
      default:
    }
  }
  return written
}

const unknown = undefined
const noUsage: Written['usage'] = {
  inputTokens: { total: unknown, noCache: unknown, cacheRead: unknown, cacheWrite: unknown },
  outputTokens: { total: unknown, text: unknown, reasoning: unknown },
}

const reportEveryMs = 100
/** Reading an unfinished answer begins at its beginning; no more of our time goes into it than this. */
const readingShare = 0.1

function createReporter(onText: (text: string) => void): (text: string) => Promise<void> {
  let nextAt = 0
  let last = ''
  return async (text) => {
    if (performance.now() < nextAt) return
    const startedAt = performance.now()
    const body = await readBodySoFar(text)
    const tookMs = performance.now() - startedAt
    nextAt = performance.now() + Math.max(reportEveryMs, tookMs / readingShare)
    if (body === last) return
    last = body
    onText(body)
  }
}
