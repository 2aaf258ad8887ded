import {
  assertObjectType,
  type FieldNode,
  type GraphQLField,
  type GraphQLResolveInfo,
} from 'graphql'
import { requestedFields } from '../../graphql/requested-fields.ts'
import type { ContentColumn, ContentColumns } from './list-contents.ts'

/** What a field of Content with a resolver of its own says that it reads. */
export type ReadsColumns = { reads: readonly ContentColumn[] }

/** What every content must have: whatever is loaded for it later is found by these. */
const always = ['tenantId', 'id'] as const

/** Selections are planned once, so the nodes of a field are the same array each time. */
const known = new WeakMap<readonly FieldNode[], ContentColumns>()

/**
 * What of the contents below a field has to be read: a page of rows with all columns costs half as much again.
 * A field that does not say what it reads may read all.
 */
export function requestedColumns(info: GraphQLResolveInfo): ContentColumns {
  let columns = known.get(info.fieldNodes)
  if (!columns) {
    const type = assertObjectType(info.schema.getType('Content'))
    columns = columnsOf([...requestedFields(info, type)])
    known.set(info.fieldNodes, columns)
  }
  return columns
}

function columnsOf(fields: readonly GraphQLField<unknown, unknown>[]): ContentColumns {
  const columns = new Set<ContentColumn>(always)
  for (const { name, extensions } of fields) {
    const { pothosExposedField: exposed, reads } = extensions as Partial<ReadsColumns> & {
      pothosExposedField?: ContentColumn
    }
    const read = name === 'id' ? always : exposed === undefined ? reads : [exposed]
    if (!read) return 'all'
    for (const column of read) columns.add(column)
  }
  return columns
}
