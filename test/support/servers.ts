import { vi } from 'vitest'
import { openIssuer } from '../../src/local/issuer.ts'
import { createQuery, type TestGateway, type TestTenant } from './gateway.ts'
import { freePort, type Program, runProgram, storesOf, temporaryDirectory } from './program.ts'

/** A `gateway serve` over the stores of a gateway, a process of its own. */
export interface Server extends Program {
  url: string
  query: TestGateway['query']
  /** A token that it accepts. */
  tokenOf(tenant: TestTenant): Promise<string>
  readiness(): Promise<{ status: number; body: Record<string, string> }>
}

/** Resolves when it answers, ready or not; `env` overrides settings by their environment names. */
export async function startServer(
  gateway: TestGateway,
  env: Record<string, string> = {},
): Promise<Server> {
  await using opened = new AsyncDisposableStack()
  const directory = opened.use(await temporaryDirectory())
  const port = await freePort()
  const settings = { ...storesOf(gateway), DATA_DIR: directory.path, PORT: String(port), ...env }
  const program = opened.use(runProgram(['serve'], settings))
  const url = `http://127.0.0.1:${port}`
  const isAnswering = () =>
    fetch(`${url}/livez`).then(
      ({ ok }) => ok,
      () => false,
    )
  await vi.waitUntil(() => program.child.exitCode !== null || isAnswering(), {
    timeout: 60_000,
    interval: 50,
  })
  if (program.child.exitCode !== null) throw new Error(`It does not start: ${program.output()}`)
  const owned = opened.move()
  return {
    ...program,
    url,
    query: createQuery(`${url}/graphql`),
    async tokenOf({ id }) {
      const issuer = await openIssuer(directory.path)
      return issuer.sign({ subject: 'owner@test', tenantId: id, audience: 'content-gateway' })
    },
    async readiness() {
      const response = await fetch(`${url}/readyz`)
      const body = (await response.json()) as Record<string, string>
      return { status: response.status, body }
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}
