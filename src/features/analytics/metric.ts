import { z } from 'zod'
import { isUuid } from '../../lib/id.ts'
import { platforms } from '../content/content.entity.ts'

const dayMs = 86_400_000
const earliestDate = '2000-01-01'
const maxCustomCharacters = 4_096

/** One row's counts; sums of them may pass what GraphQL's Int holds, see engagement.graphql.ts. */
const count = z
  .int()
  .min(0)
  .max(2 ** 31 - 1)
const rate = z.number().min(0)

/** Days end at different times around the world: tomorrow has begun somewhere. */
function isDateInRange(text: string): boolean {
  const tomorrow = new Date(Date.now() + dayMs).toISOString().slice(0, 10)
  return text >= earliestDate && text <= tomorrow
}

/**
 * What a platform counted for one content, in the words of the table's columns. Without an hour it
 * is the count of a whole day, in UTC like everything else.
 */
const metricSchema = z.strictObject({
  content_id: z.string().refine(isUuid, 'is no UUID; give the databaseId of a content'),
  metric_date: z.iso
    .date()
    .refine(isDateInRange, `is not between ${earliestDate} and tomorrow (UTC)`),
  metric_hour: z.int().min(0).max(23).nullish(),
  platform: z.string().toLowerCase().pipe(z.enum(platforms)),
  impressions: count.default(0),
  clicks: count.default(0),
  likes: count.default(0),
  shares: count.default(0),
  comments: count.default(0),
  saves: count.default(0),
  /** As the platform says; worked out from the counts when absent. Reports use the counts alone. */
  engagement_rate: rate.nullish(),
  ctr: rate.nullish(),
  /** In seconds. */
  avg_watch_time: rate.nullish(),
  conversions: count.default(0),
  /** US dollars; negative for refunds. */
  revenue: z
    .union([z.string(), z.number().transform(String)])
    .pipe(z.string().regex(/^-?\d{1,12}(\.\d{1,6})?$/, 'is no decimal number such as 12.50'))
    .nullish(),
  custom_metrics: z
    .record(z.string(), z.json())
    .refine(
      (value) => JSON.stringify(value).length <= maxCustomCharacters,
      `is longer than ${maxCustomCharacters} characters of JSON`,
    )
    .nullish(),
  /** Who counted, so that two tools may each have counts of the same hour. */
  source: z.string().min(1).max(64).default('file'),
})

export type Metric = z.infer<typeof metricSchema>

/** The names a file may use. */
export const metricFields: readonly string[] = Object.keys(metricSchema.shape)

/** The metric, or in a sentence what is wrong with it, without the values: they may be secrets. */
export function readMetric(value: unknown): Metric | string {
  const parsed = metricSchema.safeParse(value)
  if (parsed.success) return parsed.data
  return parsed.error.issues
    .slice(0, 5)
    .map(({ path, message }) => [path.join('.'), message].filter(Boolean).join(': '))
    .join('; ')
}
