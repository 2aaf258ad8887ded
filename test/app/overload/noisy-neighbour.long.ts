import { expect, test } from 'vitest'
import { createTestContents } from '../../support/contents.ts'
import { startGateway } from '../../support/gateway.ts'
import { type Flow, type FlowResult, startOpenLoop } from '../../support/open-loop.ts'
import { tell } from '../../support/random.ts'
import { startServing } from '../../support/serving.ts'

const page = (first: number) =>
  JSON.stringify({
    query: `{ contents(first: ${first}) { nodes { id title type status tags preview body { raw } } } }`,
  })

test('a tenant that asks ten times as much as it did slows down nobody else', async () => {
  await using gateway = await startGateway()
  await using serving = await startServing(gateway)
  await using load = await startOpenLoop()
  const { url } = serving
  const flows: Flow[] = []
  for (const name of ['A', 'B', 'C', 'D', 'E', 'F']) {
    const tenant = await gateway.newTenant({ name })
    await createTestContents(gateway, tenant, 100)
    const body = page(name === 'A' ? 100 : 20)
    flows.push({ name, token: await serving.tokenOf(tenant), body })
  }
  const dear = await load.run({
    url,
    flows: flows.slice(0, 1).map((flow) => ({ ...flow, atOnce: 8 })),
    durationMs: 8_000,
  })
  // A alone could have all of it; it has a third at first.
  const perSecond = (dear['A']?.perSecond ?? 0) / 3
  const press = (times: number) =>
    load.run({
      url,
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
  expect(noisy['A']?.refused).toBeGreaterThan(0)
}, 300_000)

function shortOf(results: Record<string, FlowResult>) {
  return Object.entries(results).map(
    ([
      name,
      {
        sent,
        answered,
        refused,
        failures,
        answeredMs: { p50, p99 },
      },
    ]) => `${name} ${JSON.stringify({ sent, answered, refused, failures, p50, p99 })}`,
  )
}
