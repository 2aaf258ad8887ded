import { GraphQLError } from 'graphql'
import { LRUCache } from 'lru-cache'
import type { Charge, CostReport } from '../graphql/charge.ts'
import { maxInt } from '../graphql/limit-exceeded.ts'
import { maxOperationCost, type OperationCost, tooCostly } from '../graphql/operation-cost.ts'
import { type Bucket, type BucketSize, createBucket } from '../lib/leaky-bucket.ts'
import type { Viewer } from '../lib/viewer.ts'
import type { Config } from '../platform/config.ts'

/** Tenants, keys and addresses that are remembered; whoever was forgotten begins with a full bucket. */
const maxBuckets = 10_000

/** A key's bucket is full again after this time. */
const keyRestoreSeconds = 20

/** Of an address: a mistyped token is forgiven, a list of them is not tried to its end. */
const failureSize: BucketSize = { points: 100, restorePerSecond: 1 }

/** Why something is not done, and when it may be tried again; never, if it is too much at any time. */
export interface Denial {
  error: GraphQLError
  retryAfterMs?: number
  /** Absent when it is about no operation. */
  cost?: CostReport
}

/** In the memory of one instance: each has buckets of its own. */
export interface RateLimits {
  /** Takes an operation's points before it begins, from its tenant and its key or from neither. */
  charge(viewer: Viewer, cost: OperationCost): Charge | Denial
  /** Notes a credential that was no good. */
  chargeFailure(ip: string | null): Denial | undefined
}

type LimitSettings = Pick<Config, 'RATE_LIMIT_POINTS' | 'RATE_LIMIT_RESTORE_PER_SECOND'>

export function createRateLimits(settings: LimitSettings, now?: () => number): RateLimits {
  const isLimited = settings.RATE_LIMIT_POINTS > 0
  const tenantSize = isLimited
    ? {
        points: settings.RATE_LIMIT_POINTS,
        restorePerSecond: settings.RATE_LIMIT_RESTORE_PER_SECOND,
      }
    : { points: maxInt, restorePerSecond: maxInt }
  const tenants = createBuckets(now)
  const keys = createBuckets(now)
  const addresses = createBuckets(now)

  const bucketsOf = ({ tenantId, apiKey }: Viewer): Bucket[] => {
    const tenant = tenants(tenantId, tenantSize)
    if (!apiKey) return [tenant]
    const { id, costLimit: points } = apiKey
    return [tenant, keys(id, { points, restorePerSecond: points / keyRestoreSeconds })]
  }

  return {
    charge(viewer, cost) {
      const buckets = bucketsOf(viewer)
      const requested = Math.max(1, Math.ceil(cost.cost))
      const report = (actual: number) => reportOf(buckets, requested, actual)
      const allowed = Math.min(maxOperationCost, ...buckets.map(({ points }) => points))
      if (requested > allowed) return { error: tooCostly(requested, allowed), cost: report(0) }
      const retryAfterMs = Math.max(...buckets.map((bucket) => bucket.waitFor(requested)))
      if (retryAfterMs > 0) return { ...rateLimited(retryAfterMs), cost: report(0) }
      for (const bucket of buckets) bucket.take(requested)
      return createCharge(buckets, requested, cost)
    },
    chargeFailure(ip) {
      if (!isLimited) return undefined
      const bucket = addresses(ip ?? '', failureSize)
      const retryAfterMs = bucket.waitFor(1)
      if (retryAfterMs > 0) return rateLimited(retryAfterMs)
      bucket.take(1)
      return undefined
    },
  }
}

function createBuckets(now: (() => number) | undefined) {
  const buckets = new LRUCache<string, Bucket>({ max: maxBuckets })
  return (key: string, size: BucketSize): Bucket => {
    const known = buckets.get(key)
    if (known?.points === size.points) return known
    const bucket = createBucket(size, now)
    buckets.set(key, bucket)
    return bucket
  }
}

function createCharge(
  buckets: readonly Bucket[],
  requested: number,
  { fixed, nodes }: OperationCost,
): Charge {
  let actual = requested
  let isSettled = false
  const report = () => reportOf(buckets, requested, actual)
  return {
    nodes,
    report,
    settle(seen) {
      if (!isSettled) {
        isSettled = true
        const share = nodes === 0 ? 1 : Math.min(1, seen / nodes)
        actual = Math.max(1, Math.ceil(fixed + (requested - fixed) * share))
        for (const bucket of buckets) bucket.giveBack(requested - actual)
      }
      return report()
    },
  }
}

function reportOf(buckets: readonly Bucket[], requested: number, actual: number): CostReport {
  const [tightest] = buckets.toSorted((a, b) => a.remaining() - b.remaining())
  const { points: limit = 0, restorePerSecond = 0 } = tightest ?? {}
  const remaining = Math.max(0, Math.floor(tightest?.remaining() ?? 0))
  return { requested, actual, limit, remaining, restorePerSecond }
}

function rateLimited(retryAfterMs: number): Denial {
  return {
    error: new GraphQLError('Too much was asked for in too short a time. Wait, then go on.', {
      extensions: { code: 'RATE_LIMITED', retryAfterMs },
    }),
    retryAfterMs,
  }
}
