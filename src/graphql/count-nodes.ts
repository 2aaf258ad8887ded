import { type GraphQLFieldResolver, type GraphQLSchema, isObjectType } from 'graphql'
import type { Context } from './context.ts'
import { isObjectList } from './field-cost.ts'
import { limitExceeded, shown } from './limit-exceeded.ts'

/** More than an operation within its cost can have, unless lists are far longer than assumed. */
const maxNodes = 10_000

/** Lets every list of objects add its length to the plan; nothing is done for each item. */
export function countNodes(schema: GraphQLSchema): void {
  for (const type of Object.values(schema.getTypeMap())) {
    if (!isObjectType(type)) continue
    for (const field of Object.values(type.getFields())) {
      if (field.resolve && isObjectList(field.type)) field.resolve = counted(field.resolve)
    }
  }
}

type Resolver = GraphQLFieldResolver<unknown, Context>

function counted(resolve: Resolver): Resolver {
  return (source, args, context, info) => {
    const list = resolve(source, args, context, info)
    return list instanceof Promise
      ? list.then((items) => count(items, context))
      : count(list, context)
  }
}

function count(list: unknown, { plan }: Context): unknown {
  if (!Array.isArray(list)) return list
  plan.nodes += list.length
  if (plan.nodes <= maxNodes) return list
  const advice = 'Ask for smaller `first` values, or fewer nested lists.'
  throw limitExceeded(`has found more than ${shown(maxNodes)} nodes`, maxNodes, advice)
}
