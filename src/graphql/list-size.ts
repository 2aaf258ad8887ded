import type { CostDirective, ListSizeDirective } from './field-cost.ts'

/** For a field that answers with a connection: `size` unless `first` or `last` says otherwise. */
export function pages(size: number): { listSize: ListSizeDirective } {
  return connection(size, ['first', 'last'])
}

/** The same for a connection that is read in one direction. */
export function forwardPages(size: number): { listSize: ListSizeDirective } {
  return connection(size, ['first'])
}

/** For a list: as long as an argument says, else as it usually is. */
export function listOf(assumedSize: number, argument?: string): { listSize: ListSizeDirective } {
  if (argument === undefined) return { listSize: { assumedSize } }
  const slicingArguments = [argument]
  return { listSize: { assumedSize, slicingArguments, requireOneSlicingArgument: false } }
}

/** For a mutation that answers with an item for each of its input. */
export function batchOf(argument: string, results: string): { listSize: ListSizeDirective } {
  return { listSize: { slicingArguments: [argument], sizedFields: [results] } }
}

/** For the argument of a batch: each of its items is work of its own. */
export function itemsWeigh(points: number): { cost: CostDirective } {
  return { cost: { weight: `${points}` } }
}

function connection(assumedSize: number, slicingArguments: readonly string[]) {
  const sizedFields = ['edges', 'nodes']
  return {
    listSize: { assumedSize, slicingArguments, sizedFields, requireOneSlicingArgument: false },
  }
}
