import type { Neighbours } from '../../src/platform/services.ts'
import type { TestGateway } from './gateway.ts'
import { startTcpProxy, type TcpProxy } from './tcp-proxy.ts'

/** A twin that reaches one of the stores through a proxy. */
export interface ProxiedTwin extends AsyncDisposable {
  proxy: TcpProxy
  twin: TestGateway
}

/** `env` overrides settings by their environment names. */
export async function startBehindProxy(
  gateway: TestGateway,
  store: 'postgres' | 'zerodb',
  env: Record<string, string> = {},
): Promise<ProxiedTwin> {
  await using opened = new AsyncDisposableStack()
  const { databaseUrl, zerodb } = gateway.neighbours
  const url = new URL(store === 'postgres' ? databaseUrl : zerodb.baseUrl)
  const proxy = opened.use(await startTcpProxy({ host: url.hostname, port: Number(url.port) }))
  url.host = `127.0.0.1:${proxy.port}`
  const neighbours: Partial<Neighbours> =
    store === 'postgres'
      ? { databaseUrl: url.href }
      : { zerodb: { ...zerodb, baseUrl: url.origin } }
  const twin = opened.use(await gateway.startTwin(env, neighbours))
  const owned = opened.move()
  return { proxy, twin, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}
