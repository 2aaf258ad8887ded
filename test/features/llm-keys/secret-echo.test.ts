import { expect, test } from 'vitest'
import { canary, expectNoCanaries } from '../../support/canaries.ts'
import { startGateway } from '../../support/gateway.ts'

const document = `mutation Set($provider: LlmProvider!, $label: String!, $secret: String!) {
  setLlmKey(provider: $provider, label: $label, secret: $secret) { __typename }
}`
const good = { provider: 'OPENAI', label: 'x', secret: 'unremarkable' }

/** A key wherever somebody may put one by mistake: each a request body. */
function mistakes(secret: string): object[] {
  const word = secret.replaceAll('-', '_')
  const variables = [
    { ...good, secret: [secret] },
    { ...good, secret: { [secret]: secret } },
    { ...good, secret: 1, [secret]: secret },
    { ...good, provider: secret },
    { ...good, provider: word },
    { ...good, provider: [secret] },
    { ...good, label: { secret } },
    { ...good, label: [secret] },
    { ...good, label: secret.repeat(20) },
    { ...good, secret: secret.repeat(20) },
    { ...good, secret: `${secret} ` },
    { provider: 'OPENAI', secret },
    { [secret]: secret },
    secret,
    [secret],
  ]
  const literals = [
    `provider: OPENAI, label: "x", secret: "${secret}`,
    `provider: OPENAI, label: "x", secret: ${word}`,
    `provider: OPENAI, label: "x", secret: ${secret}`,
    `provider: OPENAI, label: "x", secret: ["${secret}"]`,
    `provider: OPENAI, label: "x", secret: { ${word}: "${secret}" }`,
    `provider: "${secret}", label: "x", secret: "x"`,
    `provider: ${word}, label: "x", secret: "x"`,
    `provider: OPENAI, label: "x", secret: $${word}`,
    `provider: OPENAI, label: "x", ${word}: "x"`,
    `provider: OPENAI, label: "x", secret: "${secret}", id: "${secret}"`,
  ]
  const documents = [
    ...literals.map((args) => `mutation { setLlmKey(${args}) { __typename } }`),
    `{ llmKeys { ${word} } }`,
    `{ ${word} }`,
    `{ llmKeys @${word} { id } }`,
    `{ llmKeys { ...${word} } }`,
    `{ llmKeys { ... on ${word} { id } } }`,
    `{ node(id: "${secret}") { id } }`,
    `query ($x: ${word}) { llmKeys { id } }`,
    `query ($${word}: ID!) { llmKeys { id } }`,
    `mutation { deleteLlmKey(id: "${secret}") { __typename } }`,
    `${secret} { x }`,
    secret,
    `"${secret}"`,
    `"""${secret}"""`,
    `{ contents(after: "${secret}") { nodes { id } } }`,
    `{ contents(where: { ${word}: 1 }) { nodes { id } } }`,
  ]
  return [
    ...variables.map((each) => ({ query: document, variables: each })),
    ...documents.map((query) => ({ query })),
    { query: document, variables: good, operationName: secret },
    { query: document, variables: good, operationName: word },
    { query: `query ${word} { llmKeys { id } }`, operationName: word },
    { query: `query A { llmKeys { id } } query B { viewer { scopes } }`, operationName: word },
    { query: document, variables: good, operationName: { secret } },
    { query: document, variables: good, extensions: { secret } },
    { query: document, variables: good, extensions: secret },
    { query: document, variables: good, [secret]: secret },
    { query: { secret } },
    { secret },
  ]
}

test('a key in the wrong place is not sent back, whatever is wrong', async () => {
  // The log is looked at too, by the gateway's own.
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const secret = canary('misplaced')
  const word = secret.replaceAll('-', '_')
  const headers = {
    authorization: `Bearer ${tenant.tokens.owner}`,
    'content-type': 'application/json',
  }
  const bodies = mistakes(secret).map((body) => JSON.stringify(body))
  const broken = [`{"query":"${secret}`, secret, `{"query":${secret}}`, `[${bodies[0]}]`]
  let answered = 0
  for (const body of [...bodies, ...broken]) {
    const response = await fetch(gateway.url, { method: 'POST', headers, body })
    expectNoCanaries(await response.text(), `the answer to ${body.slice(0, 300)}`)
    answered++
  }
  for (const name of ['query', 'variables', 'operationName', 'extensions', word]) {
    const search = new URLSearchParams({ query: '{ llmKeys { id } }', [name]: secret })
    const response = await fetch(`${gateway.url}?${search}`, { headers })
    expectNoCanaries(await response.text(), `the answer to ?${name}=`)
  }
  for (const wrong of [
    { authorization: `Bearer ${secret}` },
    { authorization: secret },
    { 'content-type': secret },
    { accept: secret },
    { 'x-request-id': secret },
  ]) {
    const body = JSON.stringify({ query: '{ llmKeys { id } }' })
    const response = await fetch(gateway.url, {
      method: 'POST',
      headers: { ...headers, ...wrong },
      body,
    })
    const shown = JSON.stringify([...response.headers]) + (await response.text())
    expectNoCanaries(shown, `the answer to a header ${Object.keys(wrong)[0]}`)
  }
  expect(answered).toBeGreaterThan(50)
})
