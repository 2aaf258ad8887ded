import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { expect, test, vi } from 'vitest'
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts'

/** A server that answers every piece with the same in capitals, and keeps what it has read. */
async function startShouter() {
  const read: string[] = []
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => {}))
    socket.setEncoding('utf8').on('data', (text: string) => {
      read.push(text)
      socket.write(text.toUpperCase())
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    read,
    sockets,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

/** A connection, what it has heard, and how it ended: a code, `end`, or undefined while it is open. */
function call({ port }: TcpProxy) {
  const socket = connect(port, '127.0.0.1')
  const heard = { text: '', end: undefined as string | undefined }
  socket.setEncoding('utf8').on('data', (text: string) => (heard.text += text))
  socket.on('end', () => (heard.end ??= 'end'))
  socket.on('error', ({ code }: NodeJS.ErrnoException) => (heard.end ??= code ?? 'error'))
  return {
    socket,
    heard,
    until: (expected: Partial<typeof heard>) =>
      vi.waitFor(() => expect(heard).toMatchObject(expected)),
    [Symbol.dispose]: () => void socket.destroy(),
  }
}

async function startPair() {
  await using opened = new AsyncDisposableStack()
  const server = opened.use(await startShouter())
  const proxy = opened.use(await startTcpProxy({ host: '127.0.0.1', port: server.port }))
  const owned = opened.move()
  return { server, proxy, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

test('without faults, and with delays of any length, bytes and ends arrive in order', async () => {
  await using pair = await startPair()
  const { proxy } = pair
  using caller = call(proxy)
  const text = Array.from({ length: 50 }, (_, n) => `${n} `)
  proxy.faults = { up: { latencyMs: 2, jitterMs: 20 }, down: { jitterMs: 20 }, slowCloseMs: 20 }
  for (const piece of text) caller.socket.write(piece)

  await caller.until({ text: text.join('') })
  caller.socket.end()

  await caller.until({ end: 'end' })
})

test('a large answer comes whole to a slow reader', async () => {
  await using pair = await startPair()
  using caller = call(pair.proxy)
  const text = 'x'.repeat(5_000_000)

  caller.socket.pause().write(text, () => caller.socket.resume())

  await vi.waitFor(() => expect(caller.heard.text.length).toBe(text.length))
})

test('a blackhole takes bytes of one direction and says nothing', async () => {
  await using pair = await startPair()
  const { proxy, server } = pair
  const passing: string[] = []
  proxy.lose('answer', (request) => {
    passing.push(request.toString())
    return false
  })
  using caller = call(proxy)
  proxy.faults = { down: { blackhole: true } }
  caller.socket.write('lost on the way back')
  await vi.waitFor(() => expect(server.read).toHaveLength(1))
  proxy.faults = { up: { blackhole: true } }
  caller.socket.write('lost on the way there')
  await vi.waitFor(() => expect(passing).toHaveLength(2))

  proxy.faults = {}
  caller.socket.write('heard')

  await caller.until({ text: 'HEARD', end: undefined })
  expect(server.read).toEqual(['lost on the way back', 'heard'])
})

test('a connection is cut after so many bytes', async () => {
  await using pair = await startPair()
  using caller = call(pair.proxy)
  pair.proxy.faults = { down: { cutAfterBytes: 6 } }

  caller.socket.write('abcd')
  await caller.until({ text: 'ABCD' })
  caller.socket.write('efgh')

  await caller.until({ text: 'ABCDEF', end: 'ECONNRESET' })
})

test('a half-open machine accepts and never reads; where nobody listens, connections are reset', async () => {
  await using pair = await startPair()
  const { proxy, server } = pair
  proxy.faults = { halfOpen: true }
  using hanging = call(proxy)
  hanging.socket.write('anybody?')
  await once(hanging.socket, 'connect')
  proxy.faults = { refuse: true }
  using refused = call(proxy)

  await refused.until({ end: 'ECONNRESET' })

  expect(hanging.heard).toEqual({ text: '', end: undefined })
  expect(server.sockets.size).toBe(0)
  expect(proxy.resetAll()).toBe(1)
  await hanging.until({ end: 'ECONNRESET' })
})

test('a request is lost before the server has read it', async () => {
  await using pair = await startPair()
  const { proxy, server } = pair
  proxy.lose('request', (request) => request.includes('commit'))
  using caller = call(proxy)
  caller.socket.write('begin')
  await caller.until({ text: 'BEGIN' })

  caller.socket.write('commit')

  await caller.until({ text: 'BEGIN', end: 'ECONNRESET' })
  expect(server.read).toEqual(['begin'])
  expect(proxy.lost).toBe(1)
})

test('the answer to one request is lost, though the server has read it', async () => {
  await using pair = await startPair()
  const { proxy, server } = pair
  proxy.lose('answer', (request) => request.includes('commit'), 1)
  using caller = call(proxy)
  caller.socket.write('commit 1')
  await caller.until({ text: 'COMMIT 1' })
  expect(proxy.lost).toBe(0)

  caller.socket.write('commit 2')

  await caller.until({ text: 'COMMIT 1', end: 'ECONNRESET' })
  expect(server.read).toEqual(['commit 1', 'commit 2'])
  expect(proxy.lost).toBe(1)
  using next = call(proxy)
  next.socket.write('commit 3')
  await next.until({ text: 'COMMIT 3' })
})

test('resetAll ends every connection on both sides', async () => {
  await using pair = await startPair()
  const { proxy, server } = pair
  using one = call(proxy)
  using two = call(proxy)
  for (const { socket } of [one, two]) socket.write('hello')
  for (const caller of [one, two]) await caller.until({ text: 'HELLO' })

  expect(proxy.resetAll()).toBe(2)

  for (const caller of [one, two]) await caller.until({ end: 'ECONNRESET' })
  await vi.waitFor(() => expect([...server.sockets].every(({ closed }) => closed)).toBe(true))
})
