import { expect, test } from 'vitest'
import { createTestContents } from '../../support/contents.ts'
import {
  createQuery,
  startGateway,
  type TestGateway,
  type TestTenant,
} from '../../support/gateway.ts'
import {
  type Flow,
  type FlowResult,
  type OpenLoop,
  startOpenLoop,
} from '../../support/open-loop.ts'
import { tell } from '../../support/random.ts'
import { startServing } from '../../support/serving.ts'

const pageText = (first: number) =>
  `{ contents(first: ${first}) { nodes { id title type status tags preview body { raw } } } }`
const page = (first: number) => JSON.stringify({ query: pageText(first) })

/** Ten times what a tenant may ask for, and what the others asked for all along. */
test('a tenant that asks ten times as much as it may slows down nobody else', async () => {
  await using gateway = await startGateway()
  await using load = await startOpenLoop()
  const tenants = new Map<string, TestTenant>()
  for (const name of ['A', 'B', 'C', 'D', 'E', 'F']) {
    const tenant = await gateway.newTenant({ name })
    await createTestContents(gateway, tenant, 100)
    tenants.set(name, tenant)
  }
  // A alone could have all of it; it may have a quarter.
  const { perSecond: possible, cost } = await measureAlone(gateway, load, tenants.get('A'))
  const perSecond = possible / 4
  const points = Math.ceil(perSecond * cost)
  await using serving = await startServing(gateway, {
    RATE_LIMIT_POINTS: String(points),
    RATE_LIMIT_RESTORE_PER_SECOND: String(points),
  })
  const flows: Flow[] = []
  for (const [name, tenant] of tenants) {
    flows.push({ name, token: await serving.tokenOf(tenant), body: page(name === 'A' ? 100 : 20) })
  }
  const press = (times: number) =>
    load.run({
      url: serving.url,
      flows: flows.map((flow) => ({
        ...flow,
        perSecond: flow.name === 'A' ? times * perSecond : perSecond / 4,
      })),
      durationMs: 20_000,
    })

  await press(1)
  const calm = await press(1)
  const noisy = await press(10)

  tell(JSON.stringify({ calm: shortOf(calm), noisy: shortOf(noisy) }, undefined, 1))
  for (const { name } of flows.slice(1)) {
    const [before, during] = [calm[name], noisy[name]]
    expect(during).toMatchObject({ answered: during?.sent, failures: {} })
    expect(during?.answeredMs.p99).toBeLessThan(1.5 * (before?.answeredMs.p99 ?? 0))
  }
  expect(noisy['A']?.limited).toBeGreaterThan(0.8 * (noisy['A']?.sent ?? 0))
}, 300_000)

/** How often a second the dear page can be had when nobody else asks for anything, and its points. */
async function measureAlone(gateway: TestGateway, load: OpenLoop, tenant?: TestTenant) {
  if (!tenant) throw new Error('no tenant')
  await using serving = await startServing(gateway)
  const token = await serving.tokenOf(tenant)
  const flow = { name: 'A', token, body: page(100), atOnce: 8 }
  const { A } = await load.run({ url: serving.url, flows: [flow], durationMs: 8_000 })
  const answer = await createQuery(`${serving.url}/graphql`)(token, pageText(100))
  const { cost } = answer.extensions as { cost: { requested: number } }
  return { perSecond: A?.perSecond ?? 0, cost: cost.requested }
}

function shortOf(results: Record<string, FlowResult>) {
  return Object.entries(results).map(
    ([
      name,
      {
        sent,
        answered,
        refused,
        limited,
        failures,
        answeredMs: { p50, p99 },
      },
    ]) => `${name} ${JSON.stringify({ sent, answered, refused, limited, failures, p50, p99 })}`,
  )
}
