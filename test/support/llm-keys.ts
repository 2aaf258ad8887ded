import { canary } from './canaries.ts'
import type { Api, TestTenant } from './gateway.ts'

export interface TestLlmKey {
  provider?: 'OPENAI' | 'ANTHROPIC' | 'GOOGLE' | 'COMPATIBLE'
  label?: string
  secret?: string
}

interface Result {
  setLlmKey: { __typename: string; key?: { id: string } }
}

/** A key of the tenant's own, by its owner; answers its global id. */
export async function setTestLlmKey(
  gateway: Api,
  tenant: TestTenant,
  { provider = 'OPENAI', label = 'Test key', secret = canary('llm') }: TestLlmKey = {},
): Promise<string> {
  const { data, errors } = await gateway.query<Result, Required<TestLlmKey>>(
    tenant,
    `mutation ($provider: LlmProvider!, $label: String!, $secret: String!) {
      setLlmKey(provider: $provider, label: $label, secret: $secret) {
        __typename
        ... on LlmKeySuccess { key { id } }
      }
    }`,
    { provider, label, secret },
  )
  const id = data?.setLlmKey.key?.id
  if (id === undefined) throw new Error(JSON.stringify({ data, errors }))
  return id
}
