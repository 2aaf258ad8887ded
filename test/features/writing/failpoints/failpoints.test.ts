import { expect, test } from 'vitest'
import { writeSteps } from '../../../../src/lib/failpoints.ts'
import { startGateway } from '../../../support/gateway.ts'
import { operations } from './operations.ts'
import { type Case, casesOf, referenceOf, runCases } from './sweep.ts'
import { Failpoints } from './strikes.ts'

/** On every push all cases with one fault, and of those with two as many as this, ever others. */
const secondFaults = process.env['LONG'] ? Infinity : 500
const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000)

test(
  'whatever befalls any step of any write, what is acknowledged is there once and nothing is left behind',
  { timeout: 7_200_000 },
  async () => {
    await using gateway = await startGateway({ LOG_LEVEL: 'silent', REQUEST_TIMEOUT_MS: '15000' })
    using failpoints = new Failpoints()
    const world = { gateway, failpoints }
    const references = new Map()
    const cases: Case[] = []
    const more: Case[] = []
    for (const operation of operations) {
      const reference = await referenceOf(world, operation)
      references.set(operation, reference)
      const { one, two } = casesOf(operation, reference)
      cases.push(...one)
      more.push(...two)
    }
    cases.push(...sample(more, secondFaults))
    process.stdout.write(`${cases.length} cases, SEED=${seed}\n`)

    const complaints = await runCases(world, cases, references)

    expect(complaints).toEqual([])
    expect(cases.length).toBeGreaterThanOrEqual(2_000)
    expect([...failpoints.stepsStruck].toSorted()).toEqual([...writeSteps].toSorted())
  },
)

/** `count` of them, by the seed. */
function sample<T>(items: readonly T[], count: number): T[] {
  if (count >= items.length) return [...items]
  const keyed = items.map((item, index) => ({ item, key: hash(seed + index * 2_654_435_761) }))
  return keyed
    .toSorted((a, b) => a.key - b.key)
    .slice(0, count)
    .map(({ item }) => item)
}

/** Mulberry32's last step. */
function hash(value: number): number {
  let bits = Math.imul(value ^ (value >>> 15), value | 1)
  bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61)
  return (bits ^ (bits >>> 14)) >>> 0
}
