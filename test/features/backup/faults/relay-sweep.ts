import { vi } from 'vitest'
import { bodyTable } from '../../../../src/features/content/documents.ts'
import { newId } from '../../../../src/lib/id.ts'
import { UpstreamError } from '../../../../src/lib/errors.ts'
import { encodeGlobalId } from '../../../../src/graphql/global-id.ts'
import type { Fault } from '../../../../src/local/faults.ts'
import type { BigQueryOperation } from '../../../../src/local/bigquery/routes.ts'
import type { ZeroDbOperation } from '../../../../src/local/zerodb/routes.ts'
import type { CopiedGateway, TestTenant } from '../../../support/gateway.ts'
import { plantContents } from '../../../support/planted.ts'
import { passRelayTime, relay, relayUntilQuiet } from '../../../support/relay.ts'
import { purgeOne } from '../../../support/writes.ts'
import { type Failpoints, nameOf, type Strike } from '../../writing/failpoints/strikes.ts'

/** What befalls one wave of events on its way. */
export interface Blow {
  name: string
  strike?: Strike
  bigquery?: Fault<BigQueryOperation>[]
  zerodb?: Fault<ZeroDbOperation>[]
}

/** Contents of a wave that are purged before it leaves, and when it is under way. */
const purgedEach = 2

export function blowOf(strike: Strike): Blow {
  // Nobody asks which rows came unless one did not.
  const refusesOne: Fault<BigQueryOperation> = { operation: 'load', kind: 'badRows', times: 1 }
  const needsRefusal = strike.step === 'findLoaded'
  return { name: nameOf(strike), strike, ...(needsRefusal && { bigquery: [refusesOne] }) }
}

/** What the stores do of themselves. */
export const storeBlows: Blow[] = [
  ...(['load', 'job'] as const).flatMap((operation): Blow[] =>
    (
      [
        { kind: 'answerLost' },
        { kind: 'reset' },
        { kind: 'truncated' },
        { kind: 'wrongJson', shape: 'html' },
        { kind: 'status', status: 503 },
        { kind: 'status', status: 403 },
      ] as const
    ).map((fault) => ({
      name: `${fault.kind} of ${operation}`,
      bigquery: [{ operation, times: 1, ...fault }],
    })),
  ),
  {
    name: 'the answer to the load is lost, and then to each look at the job',
    bigquery: [
      { operation: 'load', kind: 'answerLost', times: 1 },
      { operation: 'job', kind: 'answerLost', times: 3 },
    ],
  },
  { name: 'refused rows', bigquery: [{ operation: 'load', kind: 'badRows', count: 3, times: 2 }] },
  {
    name: 'refused rows, and nobody says which',
    bigquery: [
      { operation: 'load', kind: 'badRows', times: 1 },
      { operation: 'query', kind: 'status', status: 503, times: 1 },
    ],
  },
  { name: 'ZeroDB is away', zerodb: [{ operation: '*', kind: 'status', status: 503, times: 40 }] },
  { name: 'ZeroDB lacks rows', zerodb: [{ operation: 'query', kind: 'missingRows', times: 2 }] },
  { name: 'ZeroDB spoils bodies', zerodb: [{ operation: 'query', kind: 'corruptBody', times: 1 }] },
]

export interface Sweep {
  gateway: CopiedGateway
  failpoints: Failpoints
  tenants: readonly TestTenant[]
}

/** One wave of events that a blow befalls; when it returns, nothing waits any more. */
export async function runWave(sweep: Sweep, blow: Blow, events: number): Promise<void> {
  const { gateway, failpoints, tenants } = sweep
  const planted = new Map<TestTenant, string[]>()
  for (const tenant of tenants) {
    const contents = Math.ceil(events / tenants.length)
    planted.set(tenant, await plantContents(gateway, tenant, { contents }))
  }
  const purgeSome = async () => {
    for (const [tenant, ids] of planted) {
      for (const id of ids.splice(0, purgedEach)) {
        await purgeOne(gateway, tenant, encodeGlobalId('Content', id))
      }
    }
  }
  await purgeSome()
  await passRelayTime(gateway)
  gateway.bigquery.faults.add(...(blow.bigquery ?? []))
  gateway.zerodb.faults.add(...(blow.zerodb ?? []))
  const armed = blow.strike && failpoints.arm('relay', blow.strike)
  const running = relay(gateway).catch((error: unknown) => {
    if (!(error instanceof UpstreamError)) throw error
  })
  await Promise.race([running, ...(armed ? [armed.struck] : [])])
  if (armed && !armed.hasStruck()) throw new Error(`${blow.name}: never came there`)
  await purgeSome()
  await healZeroDb(gateway)
  await relayUntilQuiet(gateway)
  if (blow.strike?.kind === 'zombie') {
    armed?.wake()
    await running
    await relayUntilQuiet(gateway)
  }
  gateway.bigquery.faults.clear()
}

/** Until the gateway has noticed too. */
async function healZeroDb({ zerodb, services }: CopiedGateway): Promise<void> {
  zerodb.faults.clear()
  const look = () => services.zerodb.getRowsByKey(newId(), bodyTable, [newId()])
  const answers = () =>
    look().then(
      () => true,
      () => false,
    )
  await vi.waitUntil(answers, { timeout: 20_000, interval: 50 })
}
