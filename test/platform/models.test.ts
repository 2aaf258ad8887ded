import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { expect, test, vi } from 'vitest'
import { signature } from '../../src/local/llm/marketing-text.ts'
import { type LlmServer, startLlmServer } from '../../src/local/llm/server.ts'
import {
  createModels,
  type ModelCall,
  ModelError,
  type ModelProvider,
  type Models,
  type ModelsOptions,
} from '../../src/platform/models.ts'
import { costUsd, loadPrices } from '../../src/platform/models/prices.ts'
import { canary } from '../support/canaries.ts'
import { startServer } from './test-server.ts'

const prices = await loadPrices()

/** Every provider at one address; the platform has a key for none. */
function connect(url: string, options: Partial<ModelsOptions> = {}): Models {
  const endpoint = { baseUrl: `${url}/v1`, apiKey: null }
  return createModels({
    endpoints: { openai: endpoint, anthropic: endpoint, google: endpoint, compatible: endpoint },
    prices,
    timeoutMs: 5_000,
    ...options,
  })
}

function call(more: Partial<ModelCall> = {}): ModelCall {
  return {
    provider: 'compatible',
    model: 'local-writer',
    apiKey: 'sk-test-models',
    system: 'You write posts in the brand voice of a tea shop.',
    prompt: 'Topic: green tea',
    temperature: 0.7,
    maxTokens: 2_000,
    signal: new AbortController().signal,
    ...more,
  }
}

async function failureOf(work: Promise<unknown>): Promise<ModelError> {
  const failure = await work.then(
    () => undefined,
    (error: unknown) => error,
  )
  expect(failure).toBeInstanceOf(ModelError)
  return failure as ModelError
}

const chats = (server: LlmServer) => server.calls.filter(({ operation }) => operation === 'chat')

test.for<ModelProvider>(['compatible', 'openai'])('%s writes one draft', async (provider) => {
  await using server = await startLlmServer()
  const models = connect(server.url)

  const { draft, ...spent } = await models.generate(call({ provider }))

  expect(draft).toEqual({
    title: expect.stringContaining('reen tea') as string,
    body: expect.stringMatching(/green tea/) as string,
    hashtags: ['GreenTea', 'Marketing', expect.any(String)],
    mentions: [],
    followsBrandVoice: true,
  })
  expect(draft.body.endsWith(signature)).toBe(true)
  expect(spent.generationId).toMatch(/^chatcmpl-local-/)
  expect(spent.tokensIn).toBeGreaterThan(10)
  expect(spent.tokensOut).toBeGreaterThan(100)
  const price = { inputUsd: 0.1, outputUsd: 0.4 }
  expect(spent.costUsd).toBe(costUsd(price, spent.tokensIn, spent.tokensOut))
  expect(chats(server)).toHaveLength(1)
})

test('a model from before structured outputs is asked for JSON in words', async () => {
  await using server = await startLlmServer()
  const { draft } = await connect(server.url).generate(call({ provider: 'openai', model: 'gpt-4' }))
  expect(draft.title).not.toBe('')
  expect(chats(server)[0]?.text).toMatch(/Answer with a JSON object of this schema/)
})

test('while it is written the text so far is told, and grows', async () => {
  await using server = await startLlmServer({ msPerToken: 5 })
  const told: string[] = []

  const { draft } = await connect(server.url).generate(call({ onText: (text) => told.push(text) }))

  expect(told.length).toBeGreaterThan(2)
  for (const [n, text] of told.entries()) {
    expect(draft.body.startsWith(text)).toBe(true)
    expect(text.length).toBeGreaterThan(told[n - 1]?.length ?? -1)
  }
  expect(draft.body.endsWith(signature)).toBe(true)
})

test('what PostgreSQL cannot keep and marks before labels are taken out', async () => {
  const written = {
    title: '  A\u0000 title\n in \ud800two lines ',
    body: '\nBody \udc00with \ud83c\udf75\u0000\n',
    hashtags: ['#Tea', 'Tea', ' # Green ', '', '#', 'x'.repeat(101)],
    mentions: Array.from({ length: 40 }, (_, n) => `@friend${n}`),
  }
  await using server = await startServer(answering(200, completion(JSON.stringify(written))))

  const { draft } = await connect(server.url).generate(call())

  expect(draft).toEqual({
    title: 'A title in two lines',
    body: 'Body with \ud83c\udf75',
    hashtags: ['Tea', 'Green'],
    mentions: Array.from({ length: 30 }, (_, n) => `friend${n}`),
    followsBrandVoice: null,
  })
})

test('talk around the JSON is overlooked', async () => {
  const text = 'Here it is:\n```json\n{"title":"T","body":"B"}\n```\nEnjoy!'
  await using server = await startServer(answering(200, completion(text)))
  const { draft } = await connect(server.url).generate(call())
  expect(draft).toMatchObject({ title: 'T', body: 'B', hashtags: [] })
})

test.for([
  ['no title', { body: 'B' }],
  ['an empty body', { title: 'T', body: ' ' }],
  ['a title that is too long', { title: 'T'.repeat(501), body: 'B' }],
  ['a body that is too long', { title: 'T', body: 'B'.repeat(200_001) }],
] as const)('%s is no draft, and paid for', async ([, written]) => {
  await using server = await startServer(answering(200, completion(JSON.stringify(written))))
  expect(await failureOf(connect(server.url).generate(call()))).toMatchObject({
    failure: 'malformed',
    usage: { tokensIn: 11, tokensOut: 22, costUsd: '0.000010' },
  })
})

test.for<[string, boolean]>(
  (['prose', 'otherShape', 'cutShort', 'refusal'] as const).flatMap((as) => [
    [as, false],
    [as, true],
  ]),
)('%s is malformed, and paid for (streamed: %s)', async ([as, streamed]) => {
  await using server = await startLlmServer()
  server.faults.add(...server.faults.parse([{ operation: 'chat', kind: 'wrongDraft', as }]))
  const failure = await failureOf(
    connect(server.url).generate(call(streamed ? { onText: () => undefined } : {})),
  )
  expect(failure).toMatchObject({ failure: 'malformed', credentials: false })
  expect(failure.usage.tokensOut).toBeGreaterThan(0)
  expect(Number(failure.usage.costUsd)).toBeGreaterThan(0)
})

test.for(['truncated', 'wrongJson', 'huge'] as const)(
  'an answer that is %s is malformed',
  async (kind) => {
    await using server = await startLlmServer()
    server.faults.add({ operation: 'chat', kind })
    expect(await failureOf(connect(server.url).generate(call()))).toMatchObject({
      failure: 'malformed',
    })
    await vi.waitFor(() => expect(server.gauge.read().now).toBe(0))
  },
)

test.for([false, true])('5 MB are not read to their end (streamed: %s)', async (streamed) => {
  await using server = await startLlmServer()
  server.faults.add({ operation: 'chat', kind: 'wrongDraft', as: 'huge' })
  const failure = await failureOf(
    connect(server.url).generate(call(streamed ? { onText: () => undefined } : {})),
  )
  expect(failure).toMatchObject({ failure: 'malformed' })
  expect(failure.message).toMatch(/more than a draft may have/)
  await vi.waitFor(() => expect(server.gauge.read().now).toBe(0))
})

test('an endless answer costs as much memory as the limit, not as it sends', async () => {
  let sent = 0
  const chunk = Buffer.alloc(64 * 1024, 'x')
  await using server = await startServer((_request, response) => {
    const more = () => {
      while (!response.destroyed && response.write(chunk)) sent += chunk.length
    }
    response.writeHead(200, { 'content-type': 'application/json' }).on('drain', more)
    more()
  })
  expect(await failureOf(connect(server.url).generate(call()))).toMatchObject({
    failure: 'malformed',
  })
  await vi.waitFor(() => expect(server.open).toBe(0))
  // What had left for the sockets' buffers besides the mebibyte that was read.
  expect(sent).toBeLessThan(32 * 1024 ** 2)
})

test.for([
  [400, 'rejected', false],
  [401, 'rejected', true],
  [403, 'rejected', true],
  [404, 'rejected', false],
  [500, 'unavailable', false],
  [502, 'unavailable', false],
  [503, 'unavailable', false],
] as const)('status %i is %s', async ([status, failure, credentials]) => {
  await using server = await startServer(answering(status, { error: { message: 'No.' } }))
  expect(await failureOf(connect(server.url).generate(call()))).toMatchObject({
    failure,
    credentials,
  })
  expect(server.requests).toBe(1)
})

test.for([
  ['google', 400, { error: { code: 400, message: '', details: [{ reason: 'API_KEY_INVALID' }] } }],
  ['openai', 429, { error: { message: '', code: 'insufficient_quota' } }],
] as const)('%s says %i to a key that is no use', async ([provider, status, body]) => {
  await using server = await startServer(answering(status, body))
  const model = provider === 'google' ? 'gemini-2.5-flash' : 'gpt-4o'
  expect(await failureOf(connect(server.url).generate(call({ provider, model })))).toMatchObject({
    failure: 'rejected',
    credentials: true,
  })
})

test('a provider that is not there, breaks off or does not answer', async () => {
  await using server = await startLlmServer()
  const models = connect(server.url, { timeoutMs: 200 })
  server.faults.add({ operation: 'chat', times: 1, kind: 'reset' })
  expect(await failureOf(models.generate(call()))).toMatchObject({ failure: 'unavailable' })

  server.faults.add({ operation: 'chat', times: 1, kind: 'hang' })
  expect(await failureOf(models.generate(call()))).toMatchObject({ failure: 'timeout' })
  await vi.waitFor(() => expect(server.gauge.read().now).toBe(0))

  await server[Symbol.asyncDispose]()
  expect(await failureOf(models.generate(call()))).toMatchObject({ failure: 'unavailable' })
})

test('a stream that ends in the middle is unavailable, not a draft', async () => {
  await using server = await startServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    const choices = [{ index: 0, delta: { content: '{"title":"T","body":"Half' } }]
    response.write(`data: ${JSON.stringify({ id: 'a', created: 1, model: 'm', choices })}\n\n`)
    setTimeout(() => response.destroy(), 20)
  })
  const failure = await failureOf(connect(server.url).generate(call({ onText: () => undefined })))
  expect(failure).toMatchObject({ failure: 'unavailable' })
})

test.for([false, true])('an abort ends the call at once (streamed: %s)', async (streamed) => {
  await using server = await startLlmServer({ latencyMs: streamed ? 0 : 30_000, msPerToken: 10 })
  const models = connect(server.url, { timeoutMs: 60_000 })
  const leave = new AbortController()
  const onText = vi.fn<(text: string) => void>()
  const work = models.generate(call({ signal: leave.signal, ...(streamed && { onText }) }))
  await vi.waitFor(() => expect(server.gauge.read().now).toBe(1))
  await vi.waitUntil(() => !streamed || onText.mock.calls.length > 0)
  const reason = new Error('the job was cancelled')

  leave.abort(reason)

  await expect(work).rejects.toBe(reason)
  await vi.waitFor(() => expect(server.gauge.read().now).toBe(0))
  await expect(models.generate(call({ signal: leave.signal }))).rejects.toBe(reason)
  expect(chats(server)).toHaveLength(1)
})

test('during a storm of 429 one call at a time probes, at the pace that is asked for', async () => {
  await using server = await startLlmServer()
  const models = connect(server.url)
  const storm = { operation: 'chat', kind: 'status', status: 429, retryAfterSeconds: 1 } as const
  server.faults.add({ ...storm, times: 13 })

  const answers = await Promise.all(Array.from({ length: 10 }, () => models.generate(call())))

  expect(answers).toHaveLength(10)
  // Ten who met the storm unprepared, three probes in vain, and everybody's own at last.
  expect(chats(server)).toHaveLength(23)
  const at = chats(server).map((one) => Date.parse(one.at))
  for (const n of [10, 11, 12, 13]) {
    expect((at[n] ?? 0) - (at[n - 1] ?? 0)).toBeGreaterThanOrEqual(995)
  }
})

test.for([
  ['retry-after-ms', '700'],
  ['retry-after', '0.7'],
  ['retry-after', () => new Date(Date.now() + 1_900).toUTCString()],
] as const)('a pause may be told by %s', async ([name, value]) => {
  const times: number[] = []
  await using server = await startServer((request, response) => {
    times.push(performance.now())
    const text = typeof value === 'string' ? value : value()
    if (times.length === 1) response.writeHead(529, { [name]: text }).end('{}')
    else answering(200, completion('{"title":"T","body":"B"}'))(request, response)
  })
  await connect(server.url).generate(call())
  expect(times).toHaveLength(2)
  expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThan(650)
})

test('patience ends: the call gives up, or its caller does', async () => {
  await using server = await startLlmServer()
  server.faults.add({ operation: 'chat', kind: 'status', status: 429, retryAfterSeconds: 30 })
  const models = connect(server.url, { patienceMs: 300 })

  const failure = await failureOf(models.generate(call()))
  expect(failure).toMatchObject({ failure: 'throttled', usage: { tokensIn: 0 } })
  expect(failure.retryAfterMs).toBeGreaterThan(28_000)

  const leave = new AbortController()
  const waiting = models.generate(call({ signal: leave.signal }))
  leave.abort()
  await expect(waiting).rejects.toBe(leave.signal.reason)
  expect(chats(server)).toHaveLength(1)
})

test('who probes and leaves lets the next one probe', async () => {
  await using server = await startLlmServer()
  const models = connect(server.url)
  const storm = { operation: 'chat', kind: 'status', status: 429, retryAfterSeconds: 0 } as const
  server.faults.add({ ...storm, times: 1 })
  server.faults.add({ operation: 'chat', after: 1, times: 1, kind: 'hang' })
  const leave = new AbortController()
  const prober = models.generate(call({ signal: leave.signal }))
  await vi.waitFor(() => expect(chats(server)).toHaveLength(2), 10_000)
  const next = models.generate(call())

  leave.abort()

  await expect(prober).rejects.toBe(leave.signal.reason)
  expect((await next).draft.title).not.toBe('')
  expect(chats(server)).toHaveLength(3)
})

test('whoever asks for a pause of no time is not asked in a busy loop', async () => {
  await using server = await startLlmServer()
  server.faults.add({ operation: 'chat', kind: 'status', status: 429, retryAfterSeconds: 0 })
  const models = connect(server.url, { patienceMs: 1_000 })

  const all = Array.from({ length: 5 }, () => failureOf(models.generate(call())))

  for (const failure of await Promise.all(all)) expect(failure.failure).toBe('throttled')
  expect(chats(server).length).toBeLessThan(5 + 4)
})

test('pauses and refusals concern one key only', async () => {
  await using server = await startLlmServer()
  const models = connect(server.url, { patienceMs: 200 })
  const throttled = {
    operation: 'chat',
    kind: 'status',
    status: 429,
    retryAfterSeconds: 30,
  } as const
  server.faults.add({ ...throttled, caller: '-one' })
  server.faults.add({ operation: 'chat', caller: '-two', kind: 'status', status: 401 })

  const [one, two, three] = await Promise.allSettled(
    ['one', 'two', 'three'].map((name) => models.generate(call({ apiKey: `sk-test-${name}` }))),
  )

  expect(one).toMatchObject({ reason: { failure: 'throttled' } })
  expect(two).toMatchObject({ reason: { failure: 'rejected', credentials: true } })
  expect(three).toMatchObject({ status: 'fulfilled' })
})

test('after failures in a row an outage meets one call at a time', async () => {
  await using server = await startLlmServer()
  const models = connect(server.url)
  const outage = { operation: 'chat', kind: 'status', status: 500 } as const
  server.faults.add({ ...outage, times: 6 })
  for (let n = 0; n < 5; n++) {
    expect(await failureOf(models.generate(call()))).toMatchObject({ failure: 'unavailable' })
  }

  const results = await Promise.allSettled(
    Array.from({ length: 10 }, () => models.generate(call())),
  )

  expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(9)
  const at = chats(server).map((one) => Date.parse(one.at))
  expect((at[5] ?? 0) - (at[4] ?? 0)).toBeGreaterThanOrEqual(490)
  expect((at[6] ?? 0) - (at[5] ?? 0)).toBeGreaterThanOrEqual(990)
})

test('a key is in no error, whatever the provider says', async () => {
  const apiKey = canary('models')
  const echo = { error: { message: `Incorrect key: ${apiKey}`, code: apiKey, type: apiKey } }
  const failures: unknown[] = []
  for (const status of [200, 400, 401, 429, 500]) {
    await using server = await startServer((_request, response) => {
      response.writeHead(status, { 'x-echo': apiKey, 'retry-after': '30' })
      response.end(JSON.stringify(echo))
    })
    const models = connect(server.url, { patienceMs: 100 })
    for (const [provider, model] of wires) {
      for (const more of [{}, { onText: () => undefined }]) {
        failures.push(await failureOf(models.generate(call({ provider, model, apiKey, ...more }))))
      }
    }
  }
  expect(failures).toHaveLength(5 * wires.length * 2)
  for (const failure of failures) {
    const everything = JSON.stringify(failure) + inspect(failure, { depth: null, showHidden: true })
    expect(everything).not.toContain(apiKey)
    expect(everything).not.toContain('Incorrect key')
    expect(failure).toMatchObject({ cause: undefined })
  }
})

const wires = [
  ['openai', 'gpt-4o'],
  ['anthropic', 'claude-sonnet-4-5'],
  ['google', 'gemini-2.5-flash'],
  ['compatible', 'local-writer'],
] as const

test('a redirect is not followed: it would take the key elsewhere', async () => {
  await using elsewhere = await startServer(answering(200, completion('{}')))
  await using server = await startServer((_request, response) => {
    response.writeHead(307, { location: `${elsewhere.url}/v1/messages` }).end()
  })
  const models = connect(server.url)
  for (const [provider, model] of wires) {
    await failureOf(models.generate(call({ provider, model })))
  }
  expect(server.requests).toBe(wires.length)
  expect(elsewhere.requests).toBe(0)
})

const draftText = '{"title":"T","body":"B","hashtags":[],"mentions":[],"followsBrandVoice":null}'

test.for([
  [
    'anthropic',
    'claude-sonnet-4-5',
    ['/v1/messages', 'x-api-key'],
    {
      id: 'msg_1',
      type: 'message',
      role: 'assistant',
      model: 'claude',
      content: [{ type: 'text', text: draftText }],
      stop_reason: 'end_turn',
      usage: { input_tokens: 11, output_tokens: 22 },
    },
  ],
  [
    'google',
    'gemini-2.5-flash',
    ['/v1/models/gemini-2.5-flash:generateContent', 'x-goog-api-key'],
    {
      candidates: [
        { content: { role: 'model', parts: [{ text: draftText }] }, finishReason: 'STOP' },
      ],
      usageMetadata: { promptTokenCount: 11, candidatesTokenCount: 22, totalTokenCount: 33 },
    },
  ],
] as const)(
  '%s is spoken to in its own words',
  async ([provider, model, [path, header], answer]) => {
    const seen: IncomingMessage[] = []
    await using server = await startServer((request, response) => {
      seen.push(request)
      answering(200, answer)(request, response)
    })
    const { draft, tokensIn, tokensOut } = await connect(server.url).generate(
      call({ provider, model, apiKey: 'sk-test-vendor' }),
    )
    expect(draft).toMatchObject({ title: 'T', body: 'B' })
    expect([tokensIn, tokensOut]).toEqual([11, 22])
    expect(seen[0]?.url).toBe(path)
    expect(seen[0]?.headers[header]).toBe('sk-test-vendor')
  },
)

test('without a key of the tenant or the platform nobody is called', async () => {
  await using server = await startLlmServer()
  const models = connect(server.url)
  for (const [provider, model] of wires.slice(0, 3)) {
    const failure = await failureOf(models.generate(call({ provider, model, apiKey: null })))
    expect(failure).toMatchObject({ failure: 'rejected', credentials: true })
  }
  expect(server.calls).toHaveLength(0)
})

test('the platform has a key for what it is given one for', () => {
  const none = { baseUrl: null, apiKey: null }
  const models = createModels({
    endpoints: {
      openai: { baseUrl: null, apiKey: 'sk-test-platform' },
      anthropic: none,
      google: none,
      compatible: none,
    },
    prices,
    timeoutMs: 1_000,
  })
  expect(models.hasPlatformKey('openai')).toBe(true)
  expect(models.hasPlatformKey('anthropic')).toBe(false)
  expect(models.hasPlatformKey('compatible')).toBe(false)
})

test.for<[string, ModelProvider]>([
  ['gpt-4', 'openai'],
  ['o3-mini', 'openai'],
  ['o1', 'openai'],
  ['chatgpt-4o-latest', 'openai'],
  ['claude-sonnet-4-5', 'anthropic'],
  ['gemini-2.5-pro', 'google'],
  ['olmo-2', 'compatible'],
  ['local-writer', 'compatible'],
  ['', 'compatible'],
])('%s is served by %s', ([model, provider]) => {
  expect(connect('http://127.0.0.1:9').providerOf(model)).toBe(provider)
})

test('the longest name that fits has the price; costs are exact', () => {
  const models = connect('http://127.0.0.1:9')
  expect(models.priceOf('gpt-4o-mini-2024-07-18')).toEqual({ inputUsd: 0.15, outputUsd: 0.6 })
  expect(models.priceOf('gpt-4-0613')).toEqual({ inputUsd: 30, outputUsd: 60 })
  expect(models.priceOf('unheard-of')).toBeNull()
  expect(costUsd({ inputUsd: 0.15, outputUsd: 0.6 }, 1_000_000, 1_000_000)).toBe('0.750000')
  expect(costUsd({ inputUsd: 0.1, outputUsd: 0.2 }, 3, 0)).toBe('0.000000')
  expect(costUsd({ inputUsd: 0.1, outputUsd: 0.2 }, 5, 0)).toBe('0.000001')
  expect(costUsd({ inputUsd: 30, outputUsd: 60 }, 12_345_678_901, 7)).toBe('370370.367450')
})

test('prices of a file go over the built-in ones; a mistake in it stops the start', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'gateway-prices-'))
  await using _gone = { [Symbol.asyncDispose]: () => rm(directory, { recursive: true }) }
  const file = join(directory, 'prices.json')
  await writeFile(file, JSON.stringify({ 'gpt-4o': { inputUsd: 1, outputUsd: 2 } }))
  const own = connect('http://127.0.0.1:9', { prices: await loadPrices(file) })
  expect(own.priceOf('gpt-4o')).toEqual({ inputUsd: 1, outputUsd: 2 })
  expect(own.priceOf('gpt-4.1')).toEqual({ inputUsd: 2, outputUsd: 8 })

  for (const text of ['{"gpt-4o": {"inputUsd": -1, "outputUsd": 2}}', '{"gpt-4o": 1}', 'prices']) {
    await writeFile(file, text)
    await expect(loadPrices(file)).rejects.toThrow(`LLM_PRICES_FILE=${file}`)
    await expect(loadPrices(file)).rejects.toMatchObject({ name: 'StartupError' })
  }
  await expect(loadPrices(join(directory, 'none'))).rejects.toThrow('ENOENT')
})

type Handler = (request: IncomingMessage, response: ServerResponse) => void

function answering(status: number, body: unknown): Handler {
  return (_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  }
}

function completion(content: string) {
  return {
    id: 'chatcmpl-1',
    object: 'chat.completion',
    created: 1,
    model: 'm',
    choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 11, completion_tokens: 22, total_tokens: 33 },
  }
}
