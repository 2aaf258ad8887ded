import { expect } from 'vitest'
import { startGateway } from '../../../support/gateway.ts'
import { expectIntact, expireLeases } from '../../../support/integrity.ts'
import { chooseSeed, createRandom, tell } from '../../../support/random.ts'
import { startBehindProxy } from '../../../support/proxied.ts'
import type { TcpProxy } from '../../../support/tcp-proxy.ts'
import { Workload } from '../../../support/workload.ts'

/** A query message of PostgreSQL's protocol: its kind, its length, its text. */
function isCommit(message: Buffer): boolean {
  return /^Q[^]{4}commit\0/i.test(message.toString('latin1'))
}

/** How often each may come in a hundred writes, and what is lost of it, in order. */
const losses: { share: number; lose: (proxy: TcpProxy) => void; count: number }[] = [
  // It has happened, and the intent tells.
  { share: 50, lose: (proxy) => proxy.lose('answer', isCommit, 1), count: 1 },
  // It has only begun.
  { share: 20, lose: (proxy) => proxy.lose('answer', isCommit, 0), count: 1 },
  // It has not happened, and the intent tells.
  { share: 15, lose: (proxy) => proxy.lose('request', isCommit, 1), count: 1 },
  // The same, and nobody can ask the intent.
  {
    share: 15,
    lose(proxy) {
      proxy.lose('request', isCommit, 1)
      proxy.lose('request', isCommit)
    },
    count: 2,
  },
]

/** Loses a COMMIT of each of so many writes, or the answer to one. */
export async function surviveLostCommits(writes: number): Promise<void> {
  const seed = chooseSeed()
  const random = createRandom(seed)
  await using gateway = await startGateway()
  await using behind = await startBehindProxy(gateway, 'postgres')
  const { proxy, twin } = behind
  const tenant = await gateway.newTenant()
  const { admin } = gateway.database
  using workload = new Workload({ api: twin, tenant, seed, admin })
  const drawn = losses.flatMap((loss) => Array.from({ length: loss.share }, () => loss))
  let expected = 0

  for (let write = 0; write < writes; write++) {
    const { lose, count } = random.pick(drawn as [(typeof drawn)[0], ...typeof drawn])
    lose(proxy)
    expected += count
    await workload.write()
  }

  tell(`lost commits: ${workload.tally()}`)
  expect(proxy.lost).toBe(expected)
  await workload.expectExactly(admin)
  await expireLeases(gateway)
  await gateway.sweep()
  await expectIntact(gateway)
}
