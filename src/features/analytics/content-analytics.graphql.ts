import { createContextCache } from '@pothos/core'
import DataLoader from 'dataloader'
import { builder } from '../../graphql/builder.ts'
import type { Context } from '../../graphql/context.ts'
import { DateRangeInput } from '../../graphql/date-range.ts'
import { listOf } from '../../graphql/list-size.ts'
import { PlatformEnum } from '../content/content-enums.graphql.ts'
import { ContentNode } from '../content/content.graphql.ts'
import {
  type AnalyticsRequest,
  type ContentAnalytics,
  loadContentAnalytics,
} from './content-analytics.loaders.ts'
import {
  AnalyticsGranularityEnum,
  AnalyticsPointObject,
  checkPoints,
  EngagementTotalsObject,
  presentTrouble,
  readAnalyticsRange,
  requireWarehouse,
} from './engagement.graphql.ts'
import { countBuckets, roundRange } from './granularity.ts'

const ContentAnalyticsObject = builder.objectRef<ContentAnalytics>('ContentAnalytics').implement({
  description: 'How a content does on the platforms, as far as their numbers have been loaded.',
  fields: (t) => ({
    range: t.field({
      type: ['DateTime'],
      description: 'As it was counted: from, to; whole days of UTC, by the hour whole hours.',
      resolve: ({ range }) => [range.from, range.to],
    }),
    totals: t.expose('totals', { type: EngagementTotalsObject }),
    series: t.expose('series', {
      type: [AnalyticsPointObject],
      directives: listOf(30),
      description: 'All platforms together; where nothing was counted there is no point.',
    }),
    byPlatform: t.expose('byPlatform', {
      type: [AnalyticsPointObject],
      directives: listOf(5),
      description: 'Each platform over the whole range.',
    }),
    freshAsOf: t.expose('freshAsOf', {
      type: 'DateTime',
      nullable: true,
      description: 'When the newest of these numbers were loaded; null when there are none.',
    }),
    bytesScanned: t.expose('bytesScanned', {
      type: 'BigInt',
      description: 'By the one query that all contents of the page share.',
    }),
  }),
})

type Loader = DataLoader<string, ContentAnalytics>

/** A loader for each distinct question, wherever in the operation it is asked. */
const loaders = createContextCache((context: Context) => {
  const byQuestion = new Map<string, Loader>()
  return (request: AnalyticsRequest): Loader => {
    const key = JSON.stringify(request)
    const loader = byQuestion.get(key) ?? createLoader(context, request)
    byQuestion.set(key, loader)
    return loader
  }
})

const maxContentsPerQuery = 100
const orFail = presentTrouble('Ask for a shorter range.')

function createLoader(context: Context, request: AnalyticsRequest): Loader {
  const buckets = countBuckets(roundRange(request.range, request.granularity), request.granularity)
  const load = (ids: readonly string[]) => {
    checkPoints(ids.length, buckets)
    return loadContentAnalytics(context, ids, request).catch(orFail)
  }
  return new DataLoader(async (ids) => load(ids), { maxBatchSize: maxContentsPerQuery })
}

builder.objectField(ContentNode, 'analytics', (t) =>
  t.field({
    type: ContentAnalyticsObject,
    nullable: true,
    directives: { semanticNonNull: {}, cost: { weight: '10' } },
    description: 'From BigQuery, a page at a time; null with an error at its path when it is away.',
    authScopes: { scope: 'ANALYTICS_READ' },
    args: {
      range: t.arg({ type: DateRangeInput, required: true }),
      platforms: t.arg({ type: [PlatformEnum] }),
      granularity: t.arg({ type: AnalyticsGranularityEnum, required: true, defaultValue: 'DAY' }),
    },
    resolve: ({ id }, { range, platforms, granularity }, context) => {
      requireWarehouse(context)
      const wanted = readAnalyticsRange(range, granularity)
      return loaders(context)({
        range: wanted,
        platforms: platforms ?? undefined,
        granularity,
      }).load(id)
    },
  }),
)
