import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import { StartupError } from '../../lib/errors.ts'

/** What a model costs, in US dollars for a million tokens. */
export interface ModelPrice {
  inputUsd: number
  outputUsd: number
}

const price = z.number().min(0).max(1_000_000)
const Table = z.record(z.string().min(1), z.strictObject({ inputUsd: price, outputUsd: price }))

/** Prices by the beginning of a model's name. */
export type Prices = ReadonlyMap<string, ModelPrice>

const builtIn = new URL('prices.json', import.meta.url)

/** Ours, and over them those of a file in the same form. A mistake in it is a StartupError. */
export async function loadPrices(file?: string): Promise<Prices> {
  const own = file === undefined ? {} : await readPrices(file)
  return new Map(Object.entries({ ...(await readPrices(builtIn)), ...own }))
}

async function readPrices(file: string | URL): Promise<Record<string, ModelPrice>> {
  try {
    return Table.parse(JSON.parse(await readFile(file, 'utf8')))
  } catch (error) {
    const reason = error instanceof z.ZodError ? z.prettifyError(error) : String(error)
    throw new StartupError([
      `LLM_PRICES_FILE=${String(file)}: ${reason}`,
      'It must read {"model name or its beginning": {"inputUsd": 2.5, "outputUsd": 10}, …},',
      'in US dollars for a million tokens.',
    ])
  }
}

/** The price of the longest name that `model` begins with. */
export function findPrice(prices: Prices, model: string): ModelPrice | null {
  let name = model
  while (name !== '' && !prices.has(name)) name = name.slice(0, -1)
  return prices.get(name) ?? null
}

/** Millionths of a dollar's millionth: what one token costs is then an integer. */
const unitsPerUsd = 1_000_000
const unitsPerMicroUsd = 1_000_000n

/** US dollars with six decimals, as text; half a millionth is rounded up. */
export function costUsd(price: ModelPrice, tokensIn: number, tokensOut: number): string {
  const perToken = (usd: number) => BigInt(Math.round(usd * unitsPerUsd))
  const units =
    BigInt(tokensIn) * perToken(price.inputUsd) + BigInt(tokensOut) * perToken(price.outputUsd)
  const micros = (units + unitsPerMicroUsd / 2n) / unitsPerMicroUsd
  const digits = String(micros).padStart(7, '0')
  return `${digits.slice(0, -6)}.${digits.slice(-6)}`
}
