import { execFileSync } from 'node:child_process'
import { connect, type Socket } from 'node:net'
import { expect, test, vi } from 'vitest'
import { createQuery, startGateway } from '../../support/gateway.ts'
import { startServing } from '../../support/serving.ts'

test('a process that has no file descriptors left refuses, does not end, and is well when it has some again', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  await using serving = await startServing(gateway)
  const token = await serving.tokenOf(tenant)
  const query = createQuery(`${serving.url}/graphql`)
  const viewer = '{ viewer { user { displayName } } }'
  expect((await query(token, viewer)).errors).toBeUndefined()
  // As `ulimit -n 256` before the start; this way a process on any system may begin with more.
  execFileSync('prlimit', ['--pid', String(serving.program.child.pid), '--nofile=256:256'])

  const held: Socket[] = []
  for (let n = 0; n < 400; n++) {
    const socket = connect(serving.port, '127.0.0.1').on('error', () => {})
    held.push(socket)
  }
  await vi.waitUntil(() => held.filter(({ closed }) => closed).length > 100, { timeout: 10_000 })
  // Nothing is left for other callers, who are told so or not let in.
  const outcomes = await Promise.all(
    Array.from({ length: 20 }, () =>
      query(token, viewer).then(
        ({ status }) => status,
        () => 'refused',
      ),
    ),
  )
  // Who still had a connection is answered.
  expect([200, 503, 'refused']).toEqual(expect.arrayContaining([...new Set(outcomes)]))
  expect(outcomes).toContain('refused')
  expect(serving.program.child.exitCode).toBeNull()

  for (const socket of held) socket.destroy()
  await vi.waitFor(async () => expect((await query(token, viewer)).errors).toBeUndefined(), {
    timeout: 5_000,
    interval: 100,
  })
}, 60_000)
