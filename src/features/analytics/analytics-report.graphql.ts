import { badUserInput } from '../../graphql/bad-user-input.ts'
import { builder } from '../../graphql/builder.ts'
import type { Context } from '../../graphql/context.ts'
import { DateRangeInput } from '../../graphql/date-range.ts'
import { idOf } from '../../graphql/global-id.ts'
import { listOf } from '../../graphql/list-size.ts'
import { NotFoundError } from '../../lib/errors.ts'
import { PlatformEnum } from '../content/content-enums.graphql.ts'
import { ContentNode } from '../content/content.graphql.ts'
import { loadBrands } from '../tenancy/tenancy.loaders.ts'
import { analyticsMetrics, type AnalyticsReport, createReport } from './analytics-report.ts'
import { defaultMaxBytes } from './ask-warehouse.ts'
import {
  AnalyticsGranularityEnum,
  AnalyticsPointObject,
  EngagementTotalsObject,
  presentTrouble,
  readAnalyticsRange,
  requireWarehouse,
} from './engagement.graphql.ts'
import { type ContentRow, withinReach } from './rank-contents.ts'

const AnalyticsMetricEnum = builder.enumType('AnalyticsMetric', { values: analyticsMetrics })

const ContentAnalyticsRowObject = builder.objectRef<ContentRow>('ContentAnalyticsRow').implement({
  fields: (t) => ({
    content: t.field({
      type: ContentNode,
      nullable: true,
      description: 'Null when it has been deleted since.',
      resolve: ({ content }) => content,
    }),
    totals: t.field({ type: EngagementTotalsObject, resolve: ({ sums }) => sums }),
  }),
})

const maxTop = 100
const orFail = presentTrouble('Ask for a shorter range, or raise maxBytesScanned.')

const AnalyticsReportObject = builder.objectRef<AnalyticsReport>('AnalyticsReport').implement({
  description: 'How the contents of your brands do; only what you select is asked for.',
  fields: (t) => ({
    rows: t.field({
      type: [AnalyticsPointObject],
      nullable: true,
      directives: { semanticNonNull: {}, ...listOf(100) },
      description: 'By time and platform; where nothing was counted there is no row.',
      resolve: (report) => report.rows().catch(orFail),
    }),
    top: t.field({
      type: [ContentAnalyticsRowObject],
      nullable: true,
      directives: { semanticNonNull: {}, ...listOf(10, 'first') },
      description: 'The best contents by a metric, 1 to 100, of those within your reach.',
      args: {
        first: t.arg.int({ required: true, defaultValue: 10 }),
        by: t.arg({ type: AnalyticsMetricEnum, required: true }),
      },
      resolve: async (report, { first, by }, context) => {
        if (first < 1 || first > maxTop) throw badUserInput(`first must be from 1 to ${maxTop}.`)
        return withinReach(context, await report.top(by).catch(orFail), first)
      },
    }),
    totals: t.field({
      type: EngagementTotalsObject,
      nullable: true,
      directives: { semanticNonNull: {} },
      resolve: (report) => report.totals().catch(orFail),
    }),
    bytesScanned: t.field({
      type: 'BigInt',
      description: 'By all that this report was asked for.',
      resolve: (report) => report.bytesScanned(),
    }),
    freshAsOf: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When the newest of these numbers were loaded; null when there are none.',
      resolve: (report) => report.freshAsOf().catch(orFail),
    }),
  }),
})

/** Contents without a brand are within everybody's reach, and stand under ''. */
async function brandsFor(context: Context, brandId: string | null | undefined) {
  const { brandIds } = context.viewer
  if (brandId == null) return brandIds && [...brandIds, '']
  const [brand] = await loadBrands(context, [idOf('Brand', brandId)])
  if (!brand) throw new NotFoundError('Brand', { id: brandId, path: ['brandId'] })
  return [brand.id]
}

builder.queryField('analyticsReport', (t) =>
  t.field({
    type: AnalyticsReportObject,
    nullable: true,
    directives: { semanticNonNull: {}, cost: { weight: '50' } },
    description:
      'Sums over contents, from BigQuery; what it does not answer is null with an error.',
    authScopes: { scope: 'ANALYTICS_READ' },
    args: {
      range: t.arg({ type: DateRangeInput, required: true }),
      brandId: t.arg.id(),
      platforms: t.arg({ type: [PlatformEnum] }),
      granularity: t.arg({ type: AnalyticsGranularityEnum, required: true, defaultValue: 'DAY' }),
      maxBytesScanned: t.arg({
        type: 'BigInt',
        description:
          'More is refused at no cost: 10 GB if left out, about 5 US cents. BigQuery bills 10 MB at least.',
      }),
    },
    resolve: async (_root, args, context) => {
      const range = readAnalyticsRange(args.range, args.granularity)
      const maxBytes = args.maxBytesScanned ?? defaultMaxBytes
      if (maxBytes < 1) throw badUserInput('maxBytesScanned must be positive.')
      const brandIds = await brandsFor(context, args.brandId)
      requireWarehouse(context)
      const { platforms, granularity } = args
      const request = { range, platforms: platforms ?? undefined, granularity, brandIds, maxBytes }
      return createReport(context, request)
    },
  }),
)
