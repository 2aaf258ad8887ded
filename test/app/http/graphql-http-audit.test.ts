import { auditServer } from 'graphql-http'
import { expect, test } from 'vitest'
import { startGateway } from '../../support/gateway.ts'
import { productionLike } from '../../support/profiles.ts'

/** What graphql-http, the reference of GraphQL over HTTP, finds wrong. */
async function failuresOf(env: Record<string, string>) {
  await using gateway = await startGateway(env)
  const { tokens } = await gateway.newTenant()
  const headers = { authorization: `Bearer ${tokens.owner}`, 'x-csrf-prevention': '1' }
  const results = await auditServer({
    url: gateway.url,
    fetchFn(url: string, init: RequestInit = {}) {
      const all = new Headers(init.headers)
      for (const [name, value] of Object.entries(headers)) all.set(name, value)
      return fetch(url, { ...init, headers: all })
    },
  })
  const failed = results.flatMap((result) => (result.status === 'ok' ? [] : [result]))
  return { count: results.length, failed: failed.map(({ id, status }) => `${id} ${status}`) }
}

test('the audit of GraphQL over HTTP finds nothing wrong in development', async () => {
  expect(await failuresOf({})).toEqual({ count: 61, failed: [] })
})

test('in production the audit misses what is closed on purpose, and nothing else', async () => {
  // 28B9 and 2EA1 ask for the schema, 5A70 by GET, D6D5 and 6A70 for the schema by GET.
  expect(await failuresOf(productionLike)).toEqual({
    count: 61,
    failed: ['5A70 notice', '2EA1 warn', '28B9 error', 'D6D5 notice', '6A70 notice'],
  })
})
