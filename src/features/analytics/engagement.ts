/** What was counted, added up; rates are worked out from it and never averaged. */
export interface Engagement {
  impressions: number
  clicks: number
  likes: number
  shares: number
  comments: number
  saves: number
  conversions: number
  /** In millionths of a US dollar; null where nobody counted any. */
  revenueMicros: bigint | null
  /** Seconds of all that was watched, as the average and the impressions tell. */
  watchedSeconds: number
  /** Impressions of the rows that have an average watch time. */
  watchedImpressions: number
  /** Sums by name of what is no column; null where there is none. */
  custom: ReadonlyMap<string, number> | null
}

const noEngagement: Engagement = {
  impressions: 0,
  clicks: 0,
  likes: 0,
  shares: 0,
  comments: 0,
  saves: 0,
  conversions: 0,
  revenueMicros: null,
  watchedSeconds: 0,
  watchedImpressions: 0,
  custom: null,
}

export function addUp(all: Iterable<Engagement>): Engagement {
  let sum = noEngagement
  for (const one of all) {
    sum = {
      impressions: sum.impressions + one.impressions,
      clicks: sum.clicks + one.clicks,
      likes: sum.likes + one.likes,
      shares: sum.shares + one.shares,
      comments: sum.comments + one.comments,
      saves: sum.saves + one.saves,
      conversions: sum.conversions + one.conversions,
      revenueMicros: addMicros(sum.revenueMicros, one.revenueMicros),
      watchedSeconds: sum.watchedSeconds + one.watchedSeconds,
      watchedImpressions: sum.watchedImpressions + one.watchedImpressions,
      custom: addCustom(sum.custom, one.custom),
    }
  }
  return sum
}

function addMicros(a: bigint | null, b: bigint | null): bigint | null {
  return a === null || b === null ? (a ?? b) : a + b
}

function addCustom(a: Engagement['custom'], b: Engagement['custom']): Engagement['custom'] {
  if (a === null || b === null) return a ?? b
  const sums = new Map(a)
  for (const [name, value] of b) sums.set(name, (sums.get(name) ?? 0) + value)
  return sums
}

/** (likes + shares + comments + saves) / impressions; null without impressions. */
export function engagementRateOf(sums: Engagement): number | null {
  const { likes, shares, comments, saves, impressions } = sums
  return divide(likes + shares + comments + saves, impressions)
}

/** clicks / impressions; null without impressions. */
export function ctrOf({ clicks, impressions }: Engagement): number | null {
  return divide(clicks, impressions)
}

/** Seconds, each average weighted with its impressions. */
export function avgWatchTimeOf(sums: Engagement): number | null {
  return divide(sums.watchedSeconds, sums.watchedImpressions)
}

function divide(a: number, b: number): number | null {
  return b > 0 ? a / b : null
}

const decimals = 6

/** Reads a decimal with up to six digits that count. */
export function microsOf(text: string): bigint {
  const [, sign = '', whole = '0', fraction = ''] = /^(-?)(\d*)(?:\.(\d*))?$/.exec(text) ?? []
  return BigInt(`${sign}${whole}${fraction.padEnd(decimals, '0').slice(0, decimals)}`)
}

/** As the API's Decimal, e.g. "12.500000". */
export function textOfMicros(micros: bigint): string {
  const digits = String(micros < 0n ? -micros : micros).padStart(decimals + 1, '0')
  return `${micros < 0n ? '-' : ''}${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`
}
