import { createHash } from 'node:crypto'
import type { Reply } from '../exchange.ts'
import type { Fault } from '../faults.ts'
import { type ChatRequest, promptOf, seedOf, topicOf } from './chat-request.ts'
import { writeMarketingText } from './marketing-text.ts'

interface Choice {
  text: string
  finish: 'stop' | 'length' | 'content_filter'
  refused: boolean
}

/** A chat completion as OpenAI answers it, in one piece or as an event stream. */
export function complete(
  request: ChatRequest,
  struck: readonly Fault[],
  msPerToken: number,
): Reply {
  const choice = choose(request, struck)
  const usage = {
    prompt_tokens: countTokens(promptOf(request)),
    completion_tokens: countTokens(choice.text),
    total_tokens: countTokens(promptOf(request)) + countTokens(choice.text),
  }
  const head = {
    id: `chatcmpl-local-${createHash('sha256').update(choice.text).digest('hex').slice(0, 16)}`,
    created: Math.floor(Date.now() / 1_000),
    model: request.model,
    system_fingerprint: 'local-stand-in',
  }
  if (request.stream !== true) return whole(head, choice, usage)
  const withUsage = request.stream_options?.include_usage === true
  return streamed(head, choice, withUsage ? usage : undefined, msPerToken)
}

const charactersPerToken = 4

export function countTokens(text: string): number {
  return Math.ceil(text.length / charactersPerToken)
}

function maxTokensOf(request: ChatRequest): number {
  return request.max_completion_tokens ?? request.max_tokens ?? Number.POSITIVE_INFINITY
}

function limit(choice: Choice, maxTokens: number): Choice {
  if (countTokens(choice.text) <= maxTokens) return choice
  const text = choice.text.slice(0, maxTokens * charactersPerToken)
  return { ...choice, text, finish: 'length' }
}

function choose(request: ChatRequest, struck: readonly Fault[]): Choice {
  const wrong = struck.find((fault) => fault.kind === 'wrongDraft')?.as
  const draft = draftOf(request)
  const stop = (text: string): Choice => ({ text, finish: 'stop', refused: false })
  const answer = (value: object) => stop(JSON.stringify(value))
  switch (wrong) {
    case 'prose':
      return stop(draft.body)
    case 'otherShape':
      return answer({ headline: draft.title, paragraphs: [draft.body] })
    case 'cutShort':
      return { ...stop(JSON.stringify(draft).slice(0, 200)), finish: 'length' }
    case 'refusal':
      return { text: 'I cannot help with that.', finish: 'content_filter', refused: true }
    case 'script':
      return answer(withScript(draft))
    case 'huge':
      // Whatever the limit: a model gone wrong.
      return answer({ ...draft, body: 'Far too long. '.repeat(360_000) })
    case 'offBrand':
      return answer({ ...draft, followsBrandVoice: false })
    case undefined:
      return limit(
        wantsJson(request) ? answer(fit(draft, request)) : stop(draft.body),
        maxTokensOf(request),
      )
  }
}

function withScript(draft: LocalDraft): LocalDraft {
  const script = '<script>alert(document.cookie)</script><img src=x onerror=alert(1)>'
  return { ...draft, title: `${draft.title} ${script}`, body: `${script}\n\n${draft.body}` }
}

type LocalDraft = ReturnType<typeof draftOf>

function draftOf(request: ChatRequest) {
  const text = writeMarketingText(topicOf(request), seedOf(request))
  const prompt = promptOf(request)
  return {
    ...text,
    hashtags: /\bno hashtags\b/i.test(prompt) ? [] : text.hashtags,
    mentions: [] as string[],
    followsBrandVoice: /brand voice|voice of the brand/i.test(prompt) ? true : null,
  }
}

/** A model that takes no schema is asked for JSON in words. */
function wantsJson(request: ChatRequest): boolean {
  const type = request.response_format?.type ?? 'text'
  return type !== 'text' || /\bJSON\b/.test(promptOf(request))
}

/** Only what the schema asks for, if there is one. */
function fit(draft: LocalDraft, request: ChatRequest): object {
  const properties = request.response_format?.json_schema?.schema.properties
  if (!properties) return draft
  return Object.fromEntries(Object.entries(draft).filter(([name]) => name in properties))
}

function whole(head: object, { text, finish, refused }: Choice, usage: object): Reply {
  const message = { role: 'assistant', ...(refused ? refusal(text) : { content: text }) }
  const choices = [{ index: 0, message, finish_reason: finish }]
  const completion = { ...head, object: 'chat.completion', choices, usage }
  return { status: 200, body: JSON.stringify(completion) }
}

function refusal(text: string) {
  return { content: null, refusal: text }
}

const tokensPerEvent = 4
/** Beyond it they bring more each. */
const maxEvents = 5_000

function streamed(
  head: object,
  { text, finish, refused }: Choice,
  usage: object | undefined,
  msPerToken: number,
): Reply {
  const chunk = (delta: object, finishReason: string | null = null) => ({
    choices: [{ index: 0, delta, finish_reason: finishReason }],
  })
  const events: object[] = [chunk({ role: 'assistant', content: '' })]
  const size = Math.max(tokensPerEvent * charactersPerToken, Math.ceil(text.length / maxEvents))
  for (let at = 0; at < text.length; at += size) {
    const piece = text.slice(at, at + size)
    events.push(chunk(refused ? { refusal: piece } : { content: piece }))
  }
  events.push(chunk({}, finish))
  if (usage) events.push({ choices: [], usage })
  const lines = events.map((event) =>
    JSON.stringify({ ...head, object: 'chat.completion.chunk', ...event }),
  )
  return {
    status: 200,
    body: [...lines, '[DONE]'].map((line) => `data: ${line}\n\n`).join(''),
    headers: { 'content-type': 'text/event-stream' },
    eventMs: msPerToken * tokensPerEvent,
  }
}
