import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { APICallError, generateText, streamText } from 'ai'
import { expect, test, vi } from 'vitest'
import type { FaultKind } from '../../src/local/faults.ts'
import { signature } from '../../src/local/llm/marketing-text.ts'
import { openLlm } from '../../src/local/llm/open.ts'
import { type LlmServer, startLlmServer } from '../../src/local/llm/server.ts'
import { temporaryDirectory } from './support.ts'

const apiKey = 'sk-test-0001'
const prompt = 'Write a post about green tea.'

/** A client that knows nothing of ours. */
function modelAt(server: LlmServer, key = apiKey) {
  const provider = createOpenAICompatible({
    name: 'stand-in',
    baseURL: `${server.url}/v1`,
    apiKey: key,
    includeUsage: true,
  })
  return provider('local-writer')
}

async function ask(server: LlmServer, options: { prompt?: string; key?: string } = {}) {
  const { prompt: asked = prompt, key } = options
  return generateText({ model: modelAt(server, key), prompt: asked, maxRetries: 0 })
}

function post(server: LlmServer, body: unknown, headers: Record<string, string> = {}) {
  return fetch(`${server.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${apiKey}`, ...headers },
    body: JSON.stringify(body),
  })
}

const request = { model: 'local-writer', messages: [{ role: 'user', content: prompt }] }

interface Completion {
  model: string
  system_fingerprint: string
  choices: [{ message: { content: string | null; refusal?: string }; finish_reason: string }]
}

async function completionOf(server: LlmServer, body: object = request): Promise<Completion> {
  return (await (await post(server, body)).json()) as Completion
}

test('a client gets prose about the topic, which says who wrote it, and what it took', async () => {
  await using server = await startLlmServer()

  const { text, usage, response } = await ask(server)

  expect(text).toContain('green tea')
  expect(text.endsWith(signature)).toBe(true)
  expect(text.length).toBeGreaterThan(300)
  expect(text.length).toBeLessThan(900)
  expect(usage.outputTokens).toBe(Math.ceil(text.length / 4))
  expect(usage.inputTokens).toBe(Math.ceil(prompt.length / 4))
  expect(response.modelId).toBe('local-writer')
  expect((await completionOf(server)).system_fingerprint).toBe('local-stand-in')
})

test('the same question has the same answer, another question or seed another', async () => {
  await using server = await startLlmServer()
  const textOf = async (more: object) =>
    (await completionOf(server, { ...request, ...more })).choices[0].message.content

  expect(await textOf({})).toBe(await textOf({}))
  expect(await textOf({ seed: 1 })).toBe(await textOf({ seed: 1 }))
  const texts = await Promise.all([1, 2, 3, 4, 5].map((seed) => textOf({ seed })))
  expect(new Set(texts).size).toBe(5)
})

test('a stream brings the same text in pieces, and the usage at its end', async () => {
  await using server = await startLlmServer({ msPerToken: 0.1 })
  const whole = await ask(server)

  const { textStream, usage } = streamText({ model: modelAt(server), prompt, maxRetries: 0 })
  const pieces: string[] = []
  for await (const piece of textStream) pieces.push(piece)

  expect(pieces.join('')).toBe(whole.text)
  expect(pieces.length).toBeGreaterThan(10)
  expect((await usage).outputTokens).toBe(whole.usage.outputTokens)
})

test('a schema is filled with what it asks for', async () => {
  await using server = await startLlmServer()
  const schema = { type: 'object', properties: { title: {}, body: {} } }
  const format = { type: 'json_schema', json_schema: { name: 'draft', schema } }

  const { choices } = await completionOf(server, { ...request, response_format: format })

  expect(Object.keys(JSON.parse(choices[0].message.content ?? '') as object)).toEqual([
    'title',
    'body',
  ])
})

test('a text longer than allowed is cut short, as models do', async () => {
  await using server = await startLlmServer()

  const { choices } = await completionOf(server, { ...request, max_tokens: 10 })

  expect(choices[0]).toMatchObject({ finish_reason: 'length' })
  expect(choices[0].message.content).toHaveLength(40)
})

test('a request without a key, or that is none, is refused as OpenAI does', async () => {
  await using server = await startLlmServer()
  const answer = async (response: Response) => ({
    status: response.status,
    body: (await response.json()) as unknown,
  })

  expect(await answer(await post(server, request, { authorization: '' }))).toMatchObject({
    status: 401,
    body: { error: { code: 'invalid_api_key' } },
  })
  expect(await answer(await post(server, { model: 'x' }))).toMatchObject({
    status: 400,
    body: { error: { code: 'invalid_request' } },
  })
  expect((await fetch(`${server.url}/v1/completions`)).status).toBe(404)
  expect(await (await fetch(`${server.url}/v1/models`)).json()).toMatchObject({ object: 'list' })
})

test.for<[FaultKind, number]>([
  [{ kind: 'status', status: 429, retryAfterSeconds: 2 }, 429],
  [{ kind: 'status', status: 500 }, 500],
  [{ kind: 'status', status: 401 }, 401],
])('the switch $0.status answers so', async ([fault, status]) => {
  await using server = await startLlmServer()
  server.faults.add({ operation: 'chat', times: 1, ...fault })

  const failure = await ask(server).catch((error: unknown) => error)

  expect(APICallError.isInstance(failure) && failure.statusCode).toBe(status)
  expect((await ask(server)).text).toContain('green tea')
})

test.for<[FaultKind, RegExp]>([
  [{ kind: 'truncated' }, /Invalid JSON/],
  [{ kind: 'wrongJson' }, /Invalid JSON/],
  [{ kind: 'wrongJson', shape: 'json' }, /Type validation|Invalid JSON/],
])('an answer may be no completion: $0', async ([fault, message]) => {
  await using server = await startLlmServer()
  server.faults.add({ operation: 'chat', ...fault })
  await expect(ask(server)).rejects.toThrow(message)
})

test.for<[(FaultKind & { kind: 'wrongDraft' })['as'], RegExp]>([
  ['prose', /^[^{]/],
  ['otherShape', /^\{"headline"/],
  ['cutShort', /^\{"title".*[^}]$/s],
  ['script', /<script>alert/],
  ['offBrand', /"followsBrandVoice":false/],
])('a completion may be no draft: %s', async ([as, content]) => {
  await using server = await startLlmServer()
  server.faults.add({ operation: 'chat', kind: 'wrongDraft', as })
  const { choices } = await completionOf(server, {
    ...request,
    response_format: { type: 'json_object' },
  })
  expect(choices[0].message.content).toMatch(content)
})

test('a model may refuse, or not come to an end', async () => {
  await using server = await startLlmServer()
  server.faults.add({ operation: 'chat', times: 1, kind: 'wrongDraft', as: 'refusal' })
  const { choices } = await completionOf(server)
  expect(choices[0]).toMatchObject({ finish_reason: 'content_filter', message: { content: null } })

  server.faults.add({ operation: 'chat', times: 1, kind: 'wrongDraft', as: 'huge' })
  expect((await ask(server)).text.length).toBeGreaterThan(5_000_000)
})

test('a switch may be for one word of the prompt, or for one key', async () => {
  await using server = await startLlmServer()
  const poison = { operation: 'chat', kind: 'status', status: 500 } as const
  server.faults.add({ ...poison, text: 'arsenic' }, { ...poison, caller: '0002' })

  expect((await ask(server)).text).not.toBe('')
  const refused = { statusCode: 500 }
  await expect(ask(server, { prompt: 'Write about arsenic.' })).rejects.toMatchObject(refused)
  await expect(ask(server, { key: 'sk-test-0002' })).rejects.toMatchObject(refused)
  expect(server.calls.map(({ status }) => status)).toEqual([200, 500, 500])
  expect(server.calls[0]).toMatchObject({ text: prompt, caller: apiKey.slice(-8) })
})

test('calls under way are counted by key until answered, or until the caller leaves', async () => {
  await using server = await startLlmServer({ latencyMs: 60_000 })
  const leave = new AbortController()
  const calls = [1, 2, 3].map((n) =>
    post(server, request, {
      authorization: `Bearer sk-test-000${n === 3 ? 2 : 1}`,
    }).catch(() => undefined),
  )
  const left = fetch(`${server.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${apiKey}` },
    body: JSON.stringify(request),
    signal: leave.signal,
  })
  await vi.waitFor(() => expect(server.gauge.read()).toEqual({ now: 4, most: 4 }))
  expect(server.gauge.read(apiKey)).toEqual({ now: 3, most: 3 })
  expect(await (await fetch(`${server.url}/__gauge`)).json()).toEqual({
    all: { now: 4, most: 4 },
    '…0001': { now: 3, most: 3 },
    '…0002': { now: 1, most: 1 },
  })

  leave.abort()
  await expect(left).rejects.toThrow(/abort/)
  await vi.waitFor(() => expect(server.gauge.read(apiKey)).toEqual({ now: 2, most: 3 }))
  server.pace.latencyMs = 0
  expect((await ask(server)).text).not.toBe('')
  await server[Symbol.asyncDispose]()
  await Promise.all(calls)
  expect(server.gauge.read().now).toBe(0)
})

test('as a program it keeps its address and key, and works at a pace one can watch', async () => {
  await using directory = await temporaryDirectory()
  const first = await openLlm({ dataDir: directory.path })
  const { url, apiKey: key } = first
  expect(first.started).toBe(true)
  await first[Symbol.asyncDispose]()

  await using second = await openLlm({ dataDir: directory.path })
  expect(second).toMatchObject({ url, apiKey: key, started: true })
  const { status } = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}` },
    body: JSON.stringify(request),
  })
  expect(status).toBe(200)
})
