/** Six decimals, as prices of single items need them and as the tables keep them. */
const decimals = 6

/** Exactly `count` times an amount of US dollars, both as text. */
export function timesUsd(amount: string, count: number): string {
  return textOf(microsOf(amount) * BigInt(count))
}

/** An amount that was worked out, e.g. from prices per token, rounded to what can be kept. */
export function toUsd(amount: number): string {
  return amount.toFixed(decimals)
}

function microsOf(amount: string): bigint {
  const [whole = '0', fraction = ''] = amount.split('.')
  return BigInt(whole + fraction.padEnd(decimals, '0').slice(0, decimals))
}

function textOf(micros: bigint): string {
  const digits = micros.toString().padStart(decimals + 1, '0')
  return `${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`
}
