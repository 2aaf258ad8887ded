import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { startGateway } from '../../support/gateway.ts'

/** So long do most load balancers keep a connection that they do not use. */
const balancerMs = 60_000

test(
  'an idle connection outlives the time that clients are told',
  { timeout: 120_000 },
  async () => {
    await using gateway = await startGateway()
    const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1')
    using _socket = { [Symbol.dispose]: () => void socket.destroy() }
    const ask = async () => {
      socket.write('GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n')
      const [answer] = (await once(socket, 'data')) as [Buffer]
      return answer.toString()
    }
    expect(await ask()).toMatch(/^HTTP\/1\.1 200 [^]*\r\nKeep-Alive: timeout=4\r\n/)
    await delay(balancerMs + 1_000)
    expect(await ask()).toMatch(/^HTTP\/1\.1 200 /)
  },
)
