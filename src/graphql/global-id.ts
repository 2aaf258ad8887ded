import { type GraphQLSchema, isObjectType } from 'graphql'
import { isUuid } from '../lib/id.ts'
import { badUserInput } from './bad-user-input.ts'

/** The first character of every decoded id: lets the format change without breaking old links. */
const version = '1'

/** `1:Content:<uuid>` in base64url: opaque to clients, readable to whoever debugs. */
export function encodeGlobalId(typename: string, id: string): string {
  return Buffer.from(`${version}:${typename}:${id}`, 'latin1').toString('base64url')
}

/** The longest type name and a UUID fit with room to spare. */
const maxLength = 120

/** Throws BAD_USER_INPUT unless `globalId` is exactly what `encodeGlobalId` would have made. */
export function decodeGlobalId(globalId: string): { typename: string; id: string } {
  if (globalId.length <= maxLength) {
    const [format, typename = '', id = ''] = Buffer.from(globalId, 'base64url')
      .toString('latin1')
      .split(':', 3)
    if (format === version && isUuid(id) && encodeGlobalId(typename, id) === globalId) {
      return { typename, id }
    }
  }
  throw badUserInput('This is not a valid id. Pass ids exactly as the API returned them.')
}

/** The database id behind `globalId`, which must name a `typename`. */
export function idOf(typename: string, globalId: string): string {
  const decoded = decodeGlobalId(globalId)
  if (decoded.typename === typename) return decoded.id
  throw badUserInput(`This is the id of a ${decoded.typename}, but a ${typename} is needed here.`)
}

/** The same id, which must be one of a node type of `schema`: what a contract leaves out is not there. */
export function nodeIdIn<Id extends { typename: string }>(schema: GraphQLSchema, id: Id): Id {
  const type = schema.getType(id.typename)
  const isNode = isObjectType(type) && type.getInterfaces().some(({ name }) => name === 'Node')
  if (isNode) return id
  throw badUserInput('This is not the id of anything. Pass ids exactly as the API returned them.')
}
