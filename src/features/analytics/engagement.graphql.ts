import { GraphQLError } from 'graphql'
import { badUserInput } from '../../graphql/bad-user-input.ts'
import { builder } from '../../graphql/builder.ts'
import { type DateRange, readDateRange } from '../../graphql/date-range.ts'
import { UpstreamError } from '../../lib/errors.ts'
import { BytesLimitError } from '../../platform/bigquery/queries.ts'
import { PlatformEnum } from '../content/content-enums.graphql.ts'
import { isRefusal } from './ask-warehouse.ts'
import {
  avgWatchTimeOf,
  ctrOf,
  type Engagement,
  engagementRateOf,
  textOfMicros,
} from './engagement.ts'
import type { Point } from './engagement-queries.ts'
import { type Granularity, granularities, maxDaysOf } from './granularity.ts'

export const AnalyticsGranularityEnum = builder.enumType('AnalyticsGranularity', {
  description: 'In UTC; weeks begin on Mondays. HOUR reaches over 31 days, the others over 400.',
  values: granularities,
})

const largestInt = 2 ** 31 - 1

/** Beyond it graphql-js would say no more than that it cannot. */
function asInt(count: number): number {
  if (count <= largestInt) return count
  throw new GraphQLError('This sum is too large for an Int; ask for a shorter range.', {
    extensions: { code: 'SUM_TOO_LARGE' },
  })
}

export const EngagementTotalsObject = builder.objectRef<Engagement>('EngagementTotals').implement({
  description: 'Sums, and rates worked out from them; rates are null without impressions.',
  fields: (t) => ({
    impressions: t.int({ resolve: ({ impressions }) => asInt(impressions) }),
    clicks: t.int({ resolve: ({ clicks }) => asInt(clicks) }),
    likes: t.int({ resolve: ({ likes }) => asInt(likes) }),
    shares: t.int({ resolve: ({ shares }) => asInt(shares) }),
    comments: t.int({ resolve: ({ comments }) => asInt(comments) }),
    saves: t.int({ resolve: ({ saves }) => asInt(saves) }),
    engagementRate: t.float({
      nullable: true,
      description: '(likes + shares + comments + saves) / impressions',
      resolve: engagementRateOf,
    }),
    ctr: t.float({ nullable: true, description: 'clicks / impressions', resolve: ctrOf }),
    avgWatchTime: t.float({
      nullable: true,
      description: 'In seconds, each average weighted with its impressions.',
      resolve: avgWatchTimeOf,
    }),
    conversions: t.int({ resolve: ({ conversions }) => asInt(conversions) }),
    revenue: t.field({
      type: 'Decimal',
      nullable: true,
      description: 'US dollars; null where no platform told of any.',
      resolve: ({ revenueMicros }) => (revenueMicros === null ? null : textOfMicros(revenueMicros)),
    }),
    custom: t.field({
      type: 'JSON',
      nullable: true,
      description: 'Sums of other numbers by name; of single contents only, null in reports.',
      resolve: ({ custom }) => custom && Object.fromEntries(custom),
    }),
  }),
})

export const AnalyticsPointObject = builder.objectRef<Point>('AnalyticsPoint').implement({
  fields: (t) => ({
    at: t.expose('at', {
      type: 'DateTime',
      description:
        'Where the hour, day, week or month begins, even if the range begins within it. Counts of whole days stand at their first hour.',
    }),
    platform: t.expose('platform', {
      type: PlatformEnum,
      nullable: true,
      description: 'Null for all of them together.',
    }),
    totals: t.field({
      type: EngagementTotalsObject,
      // The numbers of the point that is paid for already.
      directives: { cost: { weight: '0' } },
      resolve: ({ sums }) => sums,
    }),
  }),
})

/** Throws BAD_USER_INPUT unless the range runs forwards and not farther than its rows may be many. */
export function readAnalyticsRange(range: DateRange, granularity: Granularity): DateRange {
  return readDateRange(range, maxDaysOf(granularity))
}

/**
 * For `catch`: what the data warehouse cannot or may not do, as clients are told; `advice` is a
 * sentence on how to scan less.
 */
export function presentTrouble(advice: string): (error: unknown) => never {
  return (error) => {
    if (error instanceof BytesLimitError) throw tooManyBytes(error, advice)
    if (!(error instanceof UpstreamError)) throw error
    if (isRefusal(error)) {
      throw unavailable('Analytics are not available: the data warehouse refuses the question.')
    }
    const { retryAfterMs = 1_000 } = error
    throw unavailable('Analytics are not available right now.', { retryAfterMs })
  }
}

function tooManyBytes({ message }: BytesLimitError, advice: string): GraphQLError {
  const required = /(\d+) or higher/.exec(message)?.[1]
  const needed = required ? `${required} bytes` : 'more bytes than that'
  return new GraphQLError(`This would scan ${needed}, more than the limit leaves. ${advice}`, {
    extensions: { code: 'BYTES_LIMIT_EXCEEDED', ...(required && { requiredBytes: required }) },
  })
}

function unavailable(message: string, more: { retryAfterMs?: number } = {}): GraphQLError {
  return new GraphQLError(message, { extensions: { code: 'ANALYTICS_UNAVAILABLE', ...more } })
}

/** Throws where nobody has set up a data warehouse: waiting does not help then. */
export function requireWarehouse({ bigquery }: { bigquery: unknown }): void {
  if (bigquery) return
  throw unavailable('This gateway has no data warehouse, so there are no analytics.')
}

const maxPoints = 10_000

/** Throws BAD_USER_INPUT when an answer would hold too many points for anybody to look at. */
export function checkPoints(contents: number, buckets: number): void {
  if (contents * buckets <= maxPoints) return
  throw badUserInput(
    `${contents} contents times ${buckets} points are more than ${maxPoints}. Ask for a shorter range, a coarser granularity or a smaller page.`,
  )
}
