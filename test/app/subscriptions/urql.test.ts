import { Client, fetchExchange, subscriptionExchange } from '@urql/core'
import { expect, test, vi } from 'vitest'
import { createTestContents } from '../../support/contents.ts'
import { startGateway, type TestGateway, type TestTenant } from '../../support/gateway.ts'
import { socketClient, streamClient } from '../../support/live.ts'

interface Told {
  quotaChanged: { quota: { usage: { totalContentItems: number } } }
}

const watched = `subscription { quotaChanged { quota { usage { totalContentItems } } } }`
const asked = `{ viewer { tenant { name } } }`

/** The ways in which a Studio may set up its client. */
const setUps = {
  'its own fetch': ({ url }: TestGateway, token: string) =>
    new Client({
      url,
      preferGetMethod: false,
      fetchOptions: { headers: { authorization: `Bearer ${token}` } },
      fetchSubscriptions: true,
      exchanges: [fetchExchange],
    }),
  'graphql-ws': ({ url }: TestGateway, token: string) =>
    forwarding(url, token, socketClient(url, token)),
  'graphql-sse': ({ url }: TestGateway, token: string) =>
    forwarding(url, token, streamClient(url, token)),
}

function forwarding(
  url: string,
  token: string,
  transport: ReturnType<typeof socketClient> | ReturnType<typeof streamClient>,
): Client {
  return new Client({
    url,
    preferGetMethod: false,
    fetchOptions: { headers: { authorization: `Bearer ${token}` } },
    exchanges: [
      fetchExchange,
      subscriptionExchange({
        forwardSubscription: ({ query = '', variables }) => ({
          subscribe: (sink) => ({
            unsubscribe: (transport as ReturnType<typeof streamClient>).subscribe(
              { query, variables: variables as Record<string, unknown> },
              sink as never,
            ),
          }),
        }),
      }),
    ],
  })
}

async function tell(gateway: TestGateway, tenant: TestTenant, client: Client): Promise<number[]> {
  const told: number[] = []
  const { unsubscribe } = client.subscription<Told>(watched, {}).subscribe(({ data, error }) => {
    expect(error).toBeUndefined()
    if (data) told.push(data.quotaChanged.quota.usage.totalContentItems)
  })
  await vi.waitFor(() => expect(told).toHaveLength(1))
  const before = told[0] ?? 0
  await createTestContents(gateway, tenant, 1)
  await vi.waitFor(() => expect(told.at(-1)).toBe(before + 1))
  unsubscribe()
  return told
}

test('urql asks and watches in each of the ways it knows', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  for (const setUp of Object.values(setUps)) {
    const client = setUp(gateway, tenant.tokens.owner)
    const { data, error } = await client.query<{ viewer: unknown }>(asked, {})
    expect(error).toBeUndefined()
    expect(data?.viewer).toMatchObject({ tenant: { name: 'Test tenant' } })
    expect((await tell(gateway, tenant, client)).length).toBeGreaterThan(1)
  }
})
