import { setTimeout as delay } from 'node:timers/promises'
import { expect, test, vi } from 'vitest'
import { createTestContents } from '../../support/contents.ts'
import { startGateway } from '../../support/gateway.ts'
import { openBareSocket, streamClient, subscribe, tokenOfNow } from '../../support/live.ts'
import { updateOne } from '../../support/writes.ts'

test('whoever reads nothing for half a minute is dropped', { timeout: 120_000 }, async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const [id = ''] = await createTestContents(gateway, tenant, 1)
  const after = await tokenOfNow(gateway, tenant)
  const query = `subscription ($after: String) {
    contentChanged(after: $after) { sequence content { version body { raw } } }
  }`
  using slow = await openBareSocket(gateway.url)
  const payload = { authorization: `Bearer ${tenant.tokens.owner}` }
  slow.send({ type: 'connection_init', payload })
  await vi.waitFor(() => expect(slow.received).toHaveLength(1))
  for (let operation = 0; operation < 20; operation++) {
    const payload = { query, variables: { after } }
    slow.send({ type: 'subscribe', id: `${operation}`, payload })
  }
  using client = streamClient(gateway.url, tenant.tokens.owner)
  const other = subscribe<{ contentChanged: { content: { version: number } } }>(client, query, {
    after,
  })
  slow.socket.pause()
  const write = async (change: number) => {
    const raw = `${change} ${'x'.repeat(1_000_000)}`
    await updateOne(gateway, tenant, id, { body: { format: 'TEXT', raw } })
    await vi.waitFor(
      () => expect(other.data.at(-1)?.contentChanged.content.version).toBe(change + 1),
      10_000,
    )
  }
  await write(1)
  await delay(26_000)
  slow.socket.resume()
  expect(await slow.closed).toBe(1013)
  // A stream that has been open for longer than a request may take is open still.
  await write(2)
})
