import { printSchemaWithDirectives } from '@graphql-tools/utils'
import { lexicographicSortSchema } from 'graphql'
import { toSchema } from './schema.ts'

/** The API as text, sorted so that a change shows where it is and nowhere else. */
export function printSdl(): string {
  return `${printSchemaWithDirectives(lexicographicSortSchema(toSchema()))}\n`
}
